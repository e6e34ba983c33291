"""Runs that somebody asks for: one now, or those that a past range would have had."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from scheduler_sync.domain.backfill import Backfill, Rejected, decide_backfill
from scheduler_sync.domain.desired import DesiredSchedule, UncompilableError
from scheduler_sync.domain.limits import MAX_INPUT_BYTES, encoded_size
from scheduler_sync.domain.run_now import run_now
from scheduler_sync.ports import (
    Configuration,
    LiveSchedules,
    ScheduleMissingError,
    ScheduleRefusedError,
)
from scheduler_sync.usecases.foretelling import Foreteller
from trigger_contracts.config import ScheduleConfig, TriggerState
from trigger_contracts.schedule_requests import (
    BackfillPreviewed,
    BackfillSchedule,
    BackfillStarted,
    PreviewBackfill,
    RunSchedule,
    ScheduleRunStarted,
)
from trigger_contracts.schedules import schedule_id


class NoSuchTriggerError(Exception):
    """There is no schedule trigger of that id, or it is deleted."""


class NotSyncedError(Exception):
    """Temporal has another schedule than the configuration says, still or by now."""


class RequestRefusedError(Exception):
    """It will not be done as asked; the text is for whoever asked, ``field`` what he asked wrongly."""

    def __init__(self, reason: str, *, field: str = "") -> None:
        super().__init__(reason)
        self.field = field


class Runs:
    """Everything may raise ``TemporalAwayError``, ``BusAwayError`` and what is above.

    Repeating a request whose answer was lost is safe: for a run by its execution id, and for a backfill that
    has an id by that.
    """

    def __init__(
        self,
        schedules: LiveSchedules,
        *,
        configuration: Configuration,
        foreteller: Foreteller,
        now: Callable[[], datetime],
    ) -> None:
        self._schedules = schedules
        self._configuration = configuration
        self._foreteller = foreteller
        self._now = now
        self._deciding = asyncio.Semaphore(1)

    async def run(self, request: RunSchedule) -> ScheduleRunStarted:
        """Start a run, whatever the schedule does.

        The workflow is started as such. Temporal's own "trigger now" obeys the overlap policy, which can
        skip it silently, and returns no id.
        """
        trigger, config = await self._trigger(request.trigger_id)
        given = run_now(
            trigger,
            config=config,
            execution_id=request.execution_id,
            at=request.requested_at,
            request_id=request.request_id,
        )
        if (size := encoded_size(given)) > MAX_INPUT_BYTES:
            raise RequestRefusedError(f"the input is {size} bytes, over {MAX_INPUT_BYTES}")
        try:
            workflow_id = await self._schedules.start(given)
        except ScheduleRefusedError as error:
            raise RequestRefusedError(str(error)) from error
        return ScheduleRunStarted(
            trigger_id=trigger.id, execution_id=request.execution_id, workflow_id=workflow_id
        )

    async def preview(self, request: PreviewBackfill) -> BackfillPreviewed:
        """Return what a backfill would run."""
        _, found = await self._backfill(request.trigger_id, start_at=request.start_at, end_at=request.end_at)
        return BackfillPreviewed(
            trigger_id=request.trigger_id, fire_times=found.fire_times, execution_ids=found.execution_ids
        )

    async def backfill(self, request: BackfillSchedule) -> BackfillStarted:
        """Run what would have fired in a range; raises ``ScheduleMissingError`` where it is not in Temporal.

        Not where it would be other fires than those that somebody saw and agreed to: Temporal runs those of
        the schedule that it has, so that has to be the one that was decided on (else ``NotSyncedError``).
        """
        desired, found = await self._backfill(
            request.trigger_id, start_at=request.start_at, end_at=request.end_at
        )
        if (count := len(found.fire_times)) != request.expected_fires:
            raise RequestRefusedError(
                f"that is {count} fires, not {request.expected_fires}: preview it again",
                field="expectedFires",
            )
        if count:
            await self._require_synced(desired)
            await self._ask(request, found=found)
        return BackfillStarted(
            trigger_id=request.trigger_id, fire_times=found.fire_times, execution_ids=found.execution_ids
        )

    async def _require_synced(self, desired: DesiredSchedule) -> None:
        live = await self._schedules.live(desired.schedule_id)
        if live is None:
            raise ScheduleMissingError(desired.schedule_id)
        if not desired.target.is_named_by(live.note):
            raise NotSyncedError

    async def _ask(self, request: BackfillSchedule, *, found: Backfill) -> None:
        try:
            await self._schedules.backfill(
                schedule_id(request.trigger_id),
                start_at=found.start_at,
                end_at=found.end_at,
                overlap=request.overlap_policy,
                request_id=request.request_id,
            )
        except ScheduleRefusedError as error:
            raise RequestRefusedError(str(error)) from error

    async def _backfill(
        self, trigger_id: UUID, *, start_at: datetime, end_at: datetime
    ) -> tuple[DesiredSchedule, Backfill]:
        trigger, _ = await self._trigger(trigger_id)
        desired = await self._compiled(trigger)
        # Off the loop, which has schedules to reconcile; one at a time, for all share one processor.
        async with self._deciding:
            found = await asyncio.to_thread(
                decide_backfill, desired, start_at=start_at, end_at=end_at, now=self._now()
            )
        if isinstance(found, Rejected):
            raise RequestRefusedError(found.reason, field=found.field)
        return desired, found

    async def _trigger(self, trigger_id: UUID) -> tuple[TriggerState, ScheduleConfig]:
        trigger = await self._configuration.latest(trigger_id)
        if trigger is None or trigger.deleted_at is not None:
            raise NoSuchTriggerError
        if not isinstance(trigger.config, ScheduleConfig):
            raise NoSuchTriggerError
        return trigger, trigger.config

    async def _compiled(self, trigger: TriggerState) -> DesiredSchedule:
        try:
            desired = await self._foreteller.desired(trigger)
        except UncompilableError as error:
            raise RequestRefusedError(str(error)) from error
        if desired is None:
            raise NoSuchTriggerError
        return desired
