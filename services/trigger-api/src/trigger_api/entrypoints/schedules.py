"""A trigger's schedule, and previews of schedules."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any
from uuid import UUID

import structlog

from trigger_api.domain.allowance import FiresPerDay
from trigger_api.domain.preview import preview
from trigger_api.entrypoints import views
from trigger_api.entrypoints.bodies import PreviewSaved, PreviewSchedule, check_field
from trigger_api.entrypoints.http import READ
from trigger_api.ports import LiveSchedules, NotFoundError, ScheduleUnknownError
from trigger_api.read_model import ReadModel, TriggerView
from trigger_api.usecases.appending import Caller
from trigger_api.usecases.config_check import config_errors
from trigger_contracts.config import ScheduleConfig
from trigger_contracts.schedule_requests import ScheduleStatus
from trigger_contracts.schedules import schedule_id
from trigger_cron import TimetableError
from trigger_runtime.fair_threads import FairThreads
from trigger_runtime.web.operations import Success, operation
from trigger_validation import FieldError, InvalidError, decode, raise_if_invalid

log = structlog.stdlib.get_logger(__name__)

Describe = Callable[[Sequence[str], str], str]


class ScheduleHandlers:
    """The handlers, and what they need."""

    def __init__(
        self,
        read_model: ReadModel,
        *,
        live: LiveSchedules,
        describe: Describe,
        fires_per_day: FiresPerDay,
        threads: FairThreads,
        now: Callable[[], datetime],
    ) -> None:
        self._read_model = read_model
        self._live = live
        self._describe = describe
        self._fires_per_day = fires_per_day
        self._threads = threads
        self._now = now

    @operation(
        "GET",
        "/api/triggers/{id}/schedule",
        scope=READ,
        tag="Schedules",
        success=Success(description="The schedule."),
    )
    async def get_schedule(self, caller: Caller, trigger_id: UUID) -> views.ScheduleDocument:
        """What Temporal has for a schedule trigger."""
        view = await self._schedule_trigger(trigger_id, caller=caller)
        try:
            described = await self._live.describe(trigger_id)
        except ScheduleUnknownError as error:
            log.info("schedule not described", trigger_id=str(trigger_id), reason=str(error))
            return self._last_known(view)
        if described.status is ScheduleStatus.MISSING:
            return self._last_known(view)
        return views.ScheduleDocument(
            schedule_id=described.schedule_id,
            state=described.status.value,
            next_fire_times=list(described.next_fire_times),
            recent_fire_times=list(described.recent_fire_times),
            running_workflow_ids=list(described.running_workflow_ids),
            live=True,
            error=view.activity.schedule_error,
        )

    @operation(
        "POST",
        "/api/schedules/preview",
        scope=READ,
        tag="Schedules",
        success=Success(description="The fire times."),
        errors=(404,),
    )
    async def preview_schedule(
        self, caller: Caller, sent_body: Annotated[Any, PreviewSchedule, PreviewSaved]
    ) -> views.PreviewDocument:
        """When a schedule would fire, before it is saved or as it is."""
        if isinstance(sent_body, dict) and "triggerId" in sent_body:
            return await self._preview_saved(decode(sent_body, PreviewSaved), caller=caller)
        body: PreviewSchedule = decode(sent_body, PreviewSchedule, check=check_field)
        errors = await config_errors(body.config, threads=self._threads, workspace=caller.workspace)
        raise_if_invalid(FieldError(one.pointer.removeprefix("/config"), one.detail) for one in errors)
        return await self._preview(body.config, count=body.count, caller=caller)

    async def _preview_saved(self, body: PreviewSaved, *, caller: Caller) -> views.PreviewDocument:
        view = await self._schedule_trigger(body.trigger_id, caller=caller)
        published = view.announced_times(self._now())
        try:
            return await self._preview(config_of(view), count=body.count, caller=caller, published=published)
        except TimetableError as error:
            # It was saved by a release that accepted more.
            raise InvalidError([FieldError("/triggerId", f"{error}.")]) from error

    async def _preview(
        self, config: ScheduleConfig, *, count: int, caller: Caller, published: Sequence[datetime] = ()
    ) -> views.PreviewDocument:
        # Hundreds of calendars, or a policy for changes of the clock, take a moment. Meanwhile others are
        # served: by this loop, and by the other threads.
        shown = await self._threads.run(
            partial(
                preview,
                config,
                count=count,
                now=self._now(),
                fires_per_day=self._fires_per_day.of(caller.workspace),
                announced=published,
            ),
            owner=caller.workspace,
        )
        expressions = (config.cron_expression, *config.additional_expressions)
        return views.PreviewDocument(
            fire_times=[
                views.FireTime(utc=one.astimezone(UTC), local=one.isoformat()) for one in shown.fire_times
            ],
            description=self._describe(expressions, config.timezone),
            warnings=[
                views.WarningDocument(kind=one.kind, message=one.message, date=one.date)
                for one in shown.notices
            ],
        )

    async def _schedule_trigger(self, trigger_id: UUID, *, caller: Caller) -> TriggerView:
        """Return a schedule trigger. Raises ``NotFoundError``, also for one of another type."""
        view = await self._read_model.trigger(trigger_id, workspace=caller.workspace)
        if view is None:
            raise NotFoundError("trigger")
        config_of(view)
        return view

    def _last_known(self, view: TriggerView) -> views.ScheduleDocument:
        now = self._now()
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
