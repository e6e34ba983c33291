"""Runs of a schedule that a person asks for: one now, or those that a past range would have had."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from trigger_api.domain.idempotency import IdempotencyKey, StoredResponse
from trigger_api.ports import (
    ClockAndIds,
    EventStore,
    LiveSchedules,
    NotFoundError,
    TriggerDirectory,
    Vault,
)
from trigger_api.read_model import BackfillDocument
from trigger_api.usecases.command import Caller
from trigger_api.usecases.idempotency import Idempotency
from trigger_contracts.config import OverlapPolicy, ScheduleConfig
from trigger_contracts.schedule_requests import BackfillSchedule, PreviewBackfill, RunSchedule
from trigger_validation import FieldError, InvalidError


@dataclass(frozen=True, slots=True, kw_only=True)
class RunScheduleNow:
    """Start a run as if the schedule fired now, whatever its overlap policy. ``render`` is given its id."""

    caller: Caller
    trigger_id: UUID
    key: IdempotencyKey | None
    render: Callable[[UUID], StoredResponse]


@dataclass(frozen=True, slots=True, kw_only=True)
class Backfill:
    """Run what would have fired in a range, if that is ``expected_fires`` many; both ends are included."""

    caller: Caller
    trigger_id: UUID
    start_at: datetime
    end_at: datetime
    overlap_policy: OverlapPolicy
    expected_fires: int
    key: IdempotencyKey | None
    render: Callable[[BackfillDocument], StoredResponse]


class ScheduleRuns:
    """Everything raises ``NotFoundError``, ``ScheduleUnavailableError`` and ``InvalidError``.

    A paused schedule runs, too: its user asks for it.
    """

    def __init__(
        self,
        store: EventStore,
        *,
        directory: TriggerDirectory,
        schedules: LiveSchedules,
        vault: Vault,
        clock_and_ids: ClockAndIds,
    ) -> None:
        self._directory = directory
        self._schedules = schedules
        self._clock_and_ids = clock_and_ids
        self._idempotency = Idempotency(store, vault=vault, clock_and_ids=clock_and_ids)

    async def run_schedule_now(self, command: RunScheduleNow) -> StoredResponse:
        """Return once Temporal has started the run."""
        check = self._check_is_schedule(command.trigger_id, caller=command.caller)
        call = await self._idempotency.begin_call(command.key, check=check)
        if isinstance(call, StoredResponse):
            return call
        execution_id = call.id_for(command.trigger_id)
        await self._schedules.run(
            RunSchedule(
                trigger_id=command.trigger_id,
                execution_id=execution_id,
                requested_at=self._clock_and_ids.now(),
                request_id=command.caller.author.request_id,
            )
        )
        return await self._idempotency.end_call(command.key, response=command.render(execution_id))

    async def preview_backfill(
        self, trigger_id: UUID, *, caller: Caller, start_at: datetime, end_at: datetime
    ) -> BackfillDocument:
        """Return what a backfill would run, both ends included."""
        await self._check_is_schedule(trigger_id, caller=caller)
        request = PreviewBackfill(trigger_id=trigger_id, start_at=start_at, end_at=end_at)
        return await self._schedules.preview_backfill(request)

    async def backfill(self, command: Backfill) -> StoredResponse:
        """Return once Temporal has taken the backfill."""
        call = await self._idempotency.begin_call(command.key, check=self._check_expected_fires(command))
        if isinstance(call, StoredResponse):
            return call
        started = await self._schedules.backfill(
            BackfillSchedule(
                trigger_id=command.trigger_id,
                start_at=command.start_at,
                end_at=command.end_at,
                overlap_policy=command.overlap_policy,
                expected_fires=command.expected_fires,
                request_id=call.id_for(command.trigger_id),
            )
        )
        return await self._idempotency.end_call(command.key, response=command.render(started))

    async def _check_expected_fires(self, command: Backfill) -> None:
        """Refuse what scheduler-sync would refuse, before the key is claimed for good."""
        shown = await self.preview_backfill(
            command.trigger_id, caller=command.caller, start_at=command.start_at, end_at=command.end_at
        )
        if len(shown.fires) != command.expected_fires:
            reason = f"That is {len(shown.fires)} fires, not {command.expected_fires}: preview it again."
            raise InvalidError([FieldError("/expectedFires", reason)])

    async def _check_is_schedule(self, trigger_id: UUID, *, caller: Caller) -> None:
        view = await self._directory.trigger(trigger_id, workspace=caller.workspace)
        if view is None:
            raise NotFoundError("trigger")
        if not isinstance(view.config, ScheduleConfig):
            raise NotFoundError("schedule: the trigger is of another type")
