"""A trigger's schedule, and previews of schedules."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any
from uuid import UUID

import structlog

from trigger_api.adapters.postgres_read_model import PostgresReadModel
from trigger_api.domain import config_rules
from trigger_api.domain.fires_per_day import FiresPerDay
from trigger_api.domain.preview import preview
from trigger_api.entrypoints import request_models as requests
from trigger_api.entrypoints import response_models as responses
from trigger_api.entrypoints.http import READ, RUN, KeyHeader, response_of, stored_response
from trigger_api.entrypoints.request_models import PreviewSaved, PreviewSchedule
from trigger_api.entrypoints.trigger_actions import RUN_ACCEPTED_HEADERS
from trigger_api.ports import LiveSchedules, NotFoundError, ScheduleUnavailableError
from trigger_api.read_model import BackfillDocument, TriggerView
from trigger_api.usecases.command import Caller
from trigger_api.usecases.config_check import config_errors
from trigger_api.usecases.schedule_runs import Backfill, RunScheduleNow, ScheduleRuns
from trigger_contracts.config import ScheduleConfig
from trigger_contracts.schedule_requests import ScheduleDescribed, ScheduleStatus
from trigger_contracts.schedules import schedule_id
from trigger_cron import TimetableError
from trigger_runtime.concurrency import FairThreads
from trigger_runtime.web.operations import Response, Success, operation
from trigger_validation import FieldError, InvalidError, decode, raise_if_invalid

log = structlog.stdlib.get_logger(__name__)

Describe = Callable[[Sequence[str], str], str]


class ScheduleHandlers:
    """The handlers, and what they need."""

    def __init__(
        self,
        read_model: PostgresReadModel,
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
    async def get_schedule(self, caller: Caller, trigger_id: UUID) -> responses.ScheduleDocument:
        """What Temporal has for a schedule trigger."""
        view = await self._schedule_trigger(trigger_id, caller=caller)
        try:
            described = await self._live.describe(trigger_id)
        except ScheduleUnavailableError as error:
            log.info("schedule not described", trigger_id=str(trigger_id), reason=str(error))
            return self._last_known(view)
        if described.status is ScheduleStatus.MISSING:
            return self._last_known(view)
        return responses.ScheduleDocument(
            schedule_id=described.schedule_id,
            state=described.status.value,
            next_fire_times=list(described.next_fire_times),
            recent_fire_times=list(described.recent_fire_times),
            running_workflow_ids=list(described.running_workflow_ids),
            live=True,
            error=view.activity.schedule_error,
            dropped_fires=_dropped_fires(described),
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
    ) -> responses.PreviewDocument:
        """When a schedule would fire, before it is saved or as it is."""
        if isinstance(sent_body, dict) and "triggerId" in sent_body:
            return await self._preview_saved(decode(sent_body, PreviewSaved), caller=caller)
        body: PreviewSchedule = decode(sent_body, PreviewSchedule, check=_check_field)
        errors = await config_errors(body.config, threads=self._threads, workspace=caller.workspace)
        raise_if_invalid(FieldError(one.pointer.removeprefix("/config"), one.detail) for one in errors)
        return await self._preview(body.config, count=body.count, caller=caller)

    async def _preview_saved(self, body: PreviewSaved, *, caller: Caller) -> responses.PreviewDocument:
        view = await self._schedule_trigger(body.trigger_id, caller=caller)
        published = view.published_times(self._now())
        try:
            return await self._preview(config_of(view), count=body.count, caller=caller, published=published)
        except TimetableError as error:
            # It was saved by a release that accepted more.
            raise InvalidError([FieldError("/triggerId", f"{error}.")]) from error

    async def _preview(
        self, config: ScheduleConfig, *, count: int, caller: Caller, published: Sequence[datetime] = ()
    ) -> responses.PreviewDocument:
        # Hundreds of calendars, or a policy for changes of the clock, take a moment. Meanwhile others are
        # served: by this loop, and by the other threads.
        shown = await self._threads.run(
            partial(
                preview,
                config,
                count=count,
                now=self._now(),
                fires_per_day=self._fires_per_day.of(caller.workspace),
                published=published,
            ),
            owner=caller.workspace,
        )
        expressions = (config.cron_expression, *config.additional_expressions)
        return responses.PreviewDocument(
            fire_times=[
                responses.FireTime(utc=one.astimezone(UTC), local=one.isoformat()) for one in shown.fire_times
            ],
            description=self._describe(expressions, config.timezone),
            warnings=[
                responses.WarningDocument(kind=one.kind, message=one.message, date=one.date)
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

    def _last_known(self, view: TriggerView) -> responses.ScheduleDocument:
        now = self._now()
        config = view.config
        ended = isinstance(config, ScheduleConfig) and config.end_at is not None and config.end_at <= now
        state = ScheduleStatus.RUNNING if view.enabled else ScheduleStatus.PAUSED
        times = view.activity.next_fire_times if view.enabled else ()
        return responses.ScheduleDocument(
            schedule_id=schedule_id(view.id),
            state=(ScheduleStatus.FINISHED if ended else state).value,
            next_fire_times=[moment for moment in times if moment > now],
            recent_fire_times=[],
            running_workflow_ids=[],
            live=False,
            error=view.activity.schedule_error,
            dropped_fires=None,
        )


def _dropped_fires(described: ScheduleDescribed) -> responses.DroppedFiresDocument | None:
    dropped = described.dropped_fires
    if dropped is None:
        return None
    return responses.DroppedFiresDocument(
        missed_catchup_window=dropped.missed_catchup_window,
        skipped_overlap=dropped.skipped_overlap,
        buffer_full=dropped.buffer_full,
    )


def _check_field(kind: type, name: str, value: Any) -> list[tuple[str, str]]:
    return config_rules.check_field(ScheduleConfig if kind is PreviewSchedule else kind, name, value)


def config_of(view: TriggerView) -> ScheduleConfig:
    """Return a trigger's schedule. Raises ``NotFoundError`` where it has none."""
    if not isinstance(view.config, ScheduleConfig):
        raise NotFoundError("schedule: the trigger is of another type")
    return view.config


class ScheduleRunHandlers:
    """Runs of a schedule that a person asks for."""

    def __init__(self, runs: ScheduleRuns) -> None:
        self._runs = runs

    @operation(
        "POST",
        "/api/triggers/{id}/schedule/run",
        scope=RUN,
        tag="Schedules",
        success=Success(status=202, description="Temporal has the run.", headers=RUN_ACCEPTED_HEADERS),
    )
    async def run_schedule(
        self, caller: Caller, trigger_id: UUID, key: KeyHeader
    ) -> Response[responses.ExecutionAccepted]:
        """Run a schedule now, as if it fired.

        Its payload is that of a fire at this moment. It runs whatever the overlap policy says, and also while
        the trigger is paused.
        """
        command = RunScheduleNow(
            caller=caller,
            trigger_id=trigger_id,
            key=key.idempotency_key(caller=caller),
            render=responses.run_accepted,
        )
        return response_of(await self._runs.run_schedule_now(command))

    @operation(
        "POST",
        "/api/triggers/{id}/schedule/backfill/preview",
        scope=READ,
        tag="Schedules",
        success=Success(description="The runs."),
    )
    async def preview_backfill(
        self, caller: Caller, trigger_id: UUID, body: requests.PreviewBackfill
    ) -> BackfillDocument:
        """What a backfill of a past range would run."""
        return await self._runs.preview_backfill(
            trigger_id, caller=caller, start_at=body.start_at, end_at=body.end_at
        )

    @operation(
        "POST",
        "/api/triggers/{id}/schedule/backfill",
        scope=RUN,
        tag="Schedules",
        success=Success(
            status=202,
            description="Temporal has taken it, and runs these as far as the overlap policy lets it.",
        ),
    )
    async def backfill_schedule(
        self, caller: Caller, trigger_id: UUID, key: KeyHeader, sent_body: Any, body: requests.Backfill
    ) -> Response[BackfillDocument]:
        """Run what a past range would have fired.

        Preview it first: it is not done where it would be other than `expectedFires` runs. A time that ran
        before runs again, under the same execution id.
        """
        command = Backfill(
            caller=caller,
            trigger_id=trigger_id,
            start_at=body.start_at,
            end_at=body.end_at,
            overlap_policy=body.overlap_policy,
            expected_fires=body.expected_fires,
            key=key.idempotency_key(caller=caller, body=sent_body),
            render=partial(stored_response, status=202),
        )
        return response_of(await self._runs.backfill(command))
