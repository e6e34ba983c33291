"""What a caller asks for: a run now, the runs of a past range, and what a schedule does at this moment."""

from collections.abc import Callable
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from scheduler_sync.domain.backfill import Backfill, Rejected
from scheduler_sync.domain.desired import DesiredSchedule, UncompilableError, triggered_input
from scheduler_sync.domain.live import status_of
from scheduler_sync.ports import (
    BackfillRecords,
    Configuration,
    LiveSchedules,
    ScheduleMissingError,
    ScheduleRefusedError,
)
from scheduler_sync.usecases.schedule_calculator import ScheduleCalculator
from trigger_contracts.backfills import BackfillRequested
from trigger_contracts.config import ScheduleConfig, TriggerState
from trigger_contracts.executions import Cause, CauseKind
from trigger_contracts.ids import backfill_execution_id
from trigger_contracts.payloads import schedule_payload
from trigger_contracts.schedule_requests import (
    BackfillPreviewed,
    BackfillSchedule,
    BackfillStarted,
    PreviewBackfill,
    RunSchedule,
    ScheduleDescribed,
    ScheduleRunStarted,
)
from trigger_contracts.schedules import schedule_id
from trigger_contracts.workflow_io import MAX_INPUT_BYTES, TriggeredRun, encoded_size

_DESCRIBED_TIMES: Final = 10
"""Times each way in a description: what Temporal has, and what the contract allows."""


class NoSuchTriggerError(Exception):
    """There is no schedule trigger of that id, or it is deleted."""


class NotSyncedError(Exception):
    """Temporal has another schedule than the configuration says: the two are not equal yet, or any more."""


class RequestRefusedError(Exception):
    """The request is refused; the text is for the caller, ``field`` names what to change."""

    def __init__(self, reason: str, *, field: str = "") -> None:
        super().__init__(reason)
        self.field = field


async def describe_schedule(trigger_id: UUID, *, schedules: LiveSchedules) -> ScheduleDescribed:
    """Return what Temporal has for a trigger at this moment; a paused schedule has no next fire.

    Raises ``TemporalUnavailableError``.
    """
    schedule = await schedules.live(schedule_id(trigger_id))
    described = ScheduleDescribed(
        trigger_id=trigger_id, schedule_id=schedule_id(trigger_id), status=status_of(schedule)
    )
    if schedule is None:
        return described
    return msgspec.structs.replace(
        described,
        next_fire_times=() if schedule.paused else schedule.next_fire_times[:_DESCRIBED_TIMES],
        recent_fire_times=schedule.recent_fire_times[-_DESCRIBED_TIMES:],
        running_workflow_ids=schedule.running_workflow_ids,
        dropped_fires=schedule.dropped_fires,
    )


class ManualRuns:
    """Everything may raise ``TemporalUnavailableError``, ``BusUnavailableError`` and the errors above.

    A request whose reply was lost can be repeated: a run has its execution id, and a backfill is done once
    for each request id.
    """

    def __init__(
        self,
        schedules: LiveSchedules,
        *,
        records: BackfillRecords,
        configuration: Configuration,
        calculator: ScheduleCalculator,
        now: Callable[[], datetime],
    ) -> None:
        self._schedules = schedules
        self._records = records
        self._configuration = configuration
        self._calculator = calculator
        self._now = now

    async def run(self, request: RunSchedule) -> ScheduleRunStarted:
        """Start a run whose payload is that of a fire at ``requested_at``, whatever the schedule does.

        The workflow is started as such. Temporal's own "trigger now" obeys the overlap policy, which can
        skip it silently, and returns no id.
        """
        trigger, config = await self._trigger(request.trigger_id)
        run = TriggeredRun(
            execution_id=request.execution_id,
            cause=Cause(kind=CauseKind.MANUAL, id=request.request_id),
            accepted_at=request.requested_at,
            payload=schedule_payload(request.requested_at, configured_input=config.input),
        )
        start = triggered_input(trigger, run=run)
        if (size := encoded_size(start)) > MAX_INPUT_BYTES:
            raise RequestRefusedError(f"the input is {size} bytes, over {MAX_INPUT_BYTES}")
        try:
            workflow_id = await self._schedules.start(start)
        except ScheduleRefusedError as error:
            raise RequestRefusedError(str(error)) from error
        return ScheduleRunStarted(
            trigger_id=trigger.id, execution_id=request.execution_id, workflow_id=workflow_id
        )

    async def preview(self, request: PreviewBackfill) -> BackfillPreviewed:
        """Return what a backfill would run."""
        _, backfill = await self._decide_backfill(
            request.trigger_id, start_at=request.start_at, end_at=request.end_at
        )
        return BackfillPreviewed(
            trigger_id=request.trigger_id,
            fire_times=backfill.fire_times,
            execution_ids=backfill.execution_ids,
        )

    async def backfill(self, request: BackfillSchedule) -> BackfillStarted:
        """Run what would have fired in a range; raises ``ScheduleMissingError`` where it is not in Temporal.

        The caller has agreed to a number of fires: another number is refused. Temporal runs the fires of the
        schedule that it has, so that has to be the one that was decided on (else ``NotSyncedError``).
        """
        desired, backfill = await self._decide_backfill(
            request.trigger_id, start_at=request.start_at, end_at=request.end_at
        )
        if (count := len(backfill.fire_times)) != request.expected_fires:
            raise RequestRefusedError(
                f"that is {count} fires, not {request.expected_fires}: preview it again",
                field="expectedFires",
            )
        if count:
            await self._check_synced(desired)
            await self._start_backfill(request, backfill=backfill)
        return BackfillStarted(
            trigger_id=request.trigger_id,
            fire_times=backfill.fire_times,
            execution_ids=_executions(request, backfill=backfill),
        )

    async def _check_synced(self, desired: DesiredSchedule) -> None:
        live = await self._schedules.live(desired.schedule_id)
        if live is None:
            raise ScheduleMissingError(desired.schedule_id)
        if not desired.target.is_named_by(live.note):
            raise NotSyncedError

    async def _start_backfill(self, request: BackfillSchedule, *, backfill: Backfill) -> None:
        if request.request_id is not None:
            # Before Temporal has it: a run looks for its request as soon as it begins.
            await self._records.record(
                BackfillRequested(
                    trigger_id=request.trigger_id,
                    request_id=request.request_id,
                    requested_at=self._now(),
                    fire_times=backfill.fire_times,
                )
            )
        try:
            await self._schedules.backfill(
                schedule_id(request.trigger_id),
                start_at=backfill.start_at,
                end_at=backfill.end_at,
                overlap=request.overlap_policy,
                request_id=request.request_id,
            )
        except ScheduleRefusedError as error:
            raise RequestRefusedError(str(error)) from error

    async def _decide_backfill(
        self, trigger_id: UUID, *, start_at: datetime, end_at: datetime
    ) -> tuple[DesiredSchedule, Backfill]:
        trigger, _ = await self._trigger(trigger_id)
        try:
            desired = await self._calculator.desired(trigger)
        except UncompilableError as error:
            raise RequestRefusedError(str(error)) from error
        if desired is None:
            raise NoSuchTriggerError
        backfill = await self._calculator.backfill(desired, start_at=start_at, end_at=end_at, now=self._now())
        if isinstance(backfill, Rejected):
            raise RequestRefusedError(backfill.reason, field=backfill.field)
        return desired, backfill

    async def _trigger(self, trigger_id: UUID) -> tuple[TriggerState, ScheduleConfig]:
        trigger = await self._configuration.latest(trigger_id)
        if trigger is None or trigger.deleted_at is not None:
            raise NoSuchTriggerError
        if not isinstance(trigger.config, ScheduleConfig):
            raise NoSuchTriggerError
        return trigger, trigger.config


def _executions(request: BackfillSchedule, *, backfill: Backfill) -> tuple[UUID, ...]:
    request_id = request.request_id
    if request_id is None:
        return backfill.execution_ids
    return tuple(
        [
            backfill_execution_id(request.trigger_id, request_id=request_id, nominal_time=at)
            for at in backfill.fire_times
        ]
    )
