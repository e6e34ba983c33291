"""``/api/schedules`` and a trigger's schedule: translate and never decide."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from uuid import UUID

import structlog
from aiohttp import web

from trigger_api.domain import config_rules
from trigger_api.domain.allowance import FiresPerDay
from trigger_api.domain.preview import preview
from trigger_api.entrypoints import views
from trigger_api.entrypoints.access import Access
from trigger_api.entrypoints.bodies import PreviewSaved, PreviewSchedule
from trigger_api.entrypoints.requests import body_of
from trigger_api.ports import LiveSchedules, NotFoundError, ScheduleUnknownError
from trigger_api.read_model import ReadModel, TriggerView
from trigger_api.usecases.appending import Caller
from trigger_api.usecases.config_check import config_errors
from trigger_contracts.config import ScheduleConfig
from trigger_contracts.schedule_requests import ScheduleStatus
from trigger_contracts.schedules import schedule_id
from trigger_cron import TimetableError
from trigger_runtime.fair_threads import FairThreads
from trigger_runtime.web import queries
from trigger_runtime.web.application import json_response
from trigger_runtime.web.bodies import convert, invalid
from trigger_validation import FieldError

log = structlog.stdlib.get_logger(__name__)

InWords = Callable[[Sequence[str], str], str]


class ScheduleRoutes:
    """The handlers, and what they need."""

    def __init__(
        self,
        read_model: ReadModel,
        *,
        live: LiveSchedules,
        access: Access,
        in_words: InWords,
        fires_per_day: FiresPerDay,
        threads: FairThreads,
    ) -> None:
        self._read_model = read_model
        self._live = live
        self._access = access
        self._in_words = in_words
        self._fires_per_day = fires_per_day
        self._threads = threads

    async def preview(self, request: web.Request) -> web.Response:
        """Return when a schedule would fire: one that may not exist yet, or a trigger's."""
        caller = await self._access.reader(request)
        raw = await body_of(request)
        if isinstance(raw, dict) and "triggerId" in raw:
            saved = convert(raw, PreviewSaved)
            view = await self._view(saved.trigger_id, caller=caller)
            announced = view.announced_times(self._access.now())
            try:
                return await self._previewed(
                    config_of(view), count=saved.count, caller=caller, announced=announced
                )
            except TimetableError as error:
                # It was saved by a release that accepted more.
                raise invalid([FieldError(pointer="/triggerId", detail=f"{error}.")]) from error
        body = convert(raw, PreviewSchedule, check=_check_field)
        found = await config_errors(body.config, threads=self._threads, workspace=caller.workspace)
        errors = [FieldError(error.pointer.removeprefix("/config"), error.detail) for error in found]
        if errors:
            raise invalid(errors)
        return await self._previewed(body.config, count=body.count, caller=caller)

    async def _previewed(
        self, config: ScheduleConfig, *, count: int, caller: Caller, announced: Sequence[datetime] = ()
    ) -> web.Response:
        # Working out hundreds of calendars, or a policy for changes of the clock, takes a moment in which
        # others are served: by this loop, and by the threads that are left.
        found = await self._threads.run(
            partial(
                preview,
                config,
                count=count,
                now=self._access.now(),
                fires_per_day=self._fires_per_day.of(caller.workspace),
                announced=announced,
            ),
            owner=caller.workspace,
        )
        expressions = (config.cron_expression, *config.additional_expressions)
        return json_response(
            views.PreviewDocument(
                fire_times=[
                    views.FireTime(utc=one.astimezone(UTC), local=one.isoformat()) for one in found.fire_times
                ],
                description=self._in_words(expressions, config.timezone),
                warnings=[
                    views.WarningDocument(kind=one.kind, message=one.message, date=one.date)
                    for one in found.notices
                ],
            )
        )

    async def show(self, request: web.Request) -> web.Response:
        """Return what Temporal has for a trigger; where nobody can say now, what was last known."""
        caller = await self._access.reader(request)
        trigger_id = queries.path_id(request, what="trigger")
        view = await self._view(trigger_id, caller=caller)
        try:
            described = await self._live.describe(trigger_id)
        except ScheduleUnknownError as error:
            log.info("schedule not described", trigger_id=str(trigger_id), reason=str(error))
            return json_response(self._last_known(view))
        if described.status is ScheduleStatus.MISSING:
            return json_response(self._last_known(view))
        return json_response(
            views.ScheduleDocument(
                schedule_id=described.schedule_id,
                state=described.status.value,
                next_fire_times=list(described.next_fire_times),
                recent_fire_times=list(described.recent_fire_times),
                running_workflow_ids=list(described.running_workflow_ids),
                live=True,
                error=view.activity.schedule_error,
            )
        )

    async def _view(self, trigger_id: UUID, *, caller: Caller) -> TriggerView:
        """Return a schedule trigger. Raises ``NotFoundError``, also for one of another type."""
        view = await self._read_model.trigger(trigger_id, workspace=caller.workspace)
        if view is None:
            raise NotFoundError("trigger")
        config_of(view)
        return view

    def _last_known(self, view: TriggerView) -> views.ScheduleDocument:
        now = self._access.now()
        config = view.config
        ended = isinstance(config, ScheduleConfig) and config.end_at is not None and config.end_at <= now
        state = ScheduleStatus.RUNNING if view.enabled else ScheduleStatus.PAUSED
        times = view.activity.next_fire_times if view.enabled else ()
        return views.ScheduleDocument(
            schedule_id=schedule_id(view.id),
            state=(ScheduleStatus.FINISHED if ended else state).value,
            next_fire_times=[moment for moment in times if moment > now],
            recent_fire_times=[],
            running_workflow_ids=[],
            live=False,
            error=view.activity.schedule_error,
        )


def config_of(view: TriggerView) -> ScheduleConfig:
    """Return a trigger's schedule. Raises ``NotFoundError`` where it has none."""
    if not isinstance(view.config, ScheduleConfig):
        raise NotFoundError("schedule: the trigger is of another type")
    return view.config


def _check_field(kind: type, name: str, value: object) -> list[tuple[str, str]]:
    if kind is not PreviewSchedule:
        return []
    return [(error.pointer, error.detail) for error in config_rules.field_errors(ScheduleConfig, name, value)]
