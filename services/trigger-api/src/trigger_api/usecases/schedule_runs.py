"""Runs of a schedule that somebody asks for: one now, or those that a past range would have had."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from trigger_api.domain.idempotency import Keyed, StoredAnswer
from trigger_api.ports import ClockAndIds, EventStore, Fire, LiveSchedules, NotFoundError, Vault
from trigger_api.read_model import ReadModel
from trigger_api.usecases.appending import Answering, Caller
from trigger_contracts import ids
from trigger_contracts.config import OverlapPolicy, ScheduleConfig
from trigger_contracts.schedule_requests import BackfillSchedule, PreviewBackfill, RunSchedule
from trigger_validation import FieldError, InvalidError


class ScheduleRuns:
    """Everything raises ``NotFoundError``, ``ScheduleUnknownError`` and ``InvalidError``.

    A paused schedule runs, too: whoever asks means it.
    """

    def __init__(
        self,
        store: EventStore,
        *,
        read_model: ReadModel,
        schedules: LiveSchedules,
        vault: Vault,
        chance: ClockAndIds,
    ) -> None:
        self._store = store
        self._read_model = read_model
        self._schedules = schedules
        self._chance = chance
        self._answering = Answering(vault, chance=chance)

    async def run(
        self, caller: Caller, *, trigger_id: UUID, keyed: Keyed[UUID] | None
    ) -> UUID | StoredAnswer:
        """Start a run as if the schedule fired now, whatever its overlap policy; return its execution id."""

        async def check() -> None:
            await self._require(caller, trigger_id=trigger_id)

        async def act(_: None, seed: str | None) -> UUID:
            execution_id = self._id(trigger_id, seed=seed)
            await self._schedules.run(
                RunSchedule(
                    trigger_id=trigger_id,
                    execution_id=execution_id,
                    requested_at=self._chance.now(),
                    request_id=caller.author.request_id,
                )
            )
            return execution_id

        return await self._answering.outside(self._store, keyed=keyed, check=check, act=act)

    async def preview(
        self, caller: Caller, *, trigger_id: UUID, start_at: datetime, end_at: datetime
    ) -> Sequence[Fire]:
        """Return what a backfill would run, both ends included."""
        await self._require(caller, trigger_id=trigger_id)
        request = PreviewBackfill(trigger_id=trigger_id, start_at=start_at, end_at=end_at)
        return await self._schedules.preview_backfill(request)

    async def backfill(
        self,
        caller: Caller,
        *,
        trigger_id: UUID,
        start_at: datetime,
        end_at: datetime,
        overlap_policy: OverlapPolicy,
        expected_fires: int,
        keyed: Keyed[Sequence[Fire]] | None,
    ) -> Sequence[Fire] | StoredAnswer:
        """Run what would have fired, if it is as many as somebody has seen and agreed to."""

        async def check() -> None:
            # What would be refused is refused before the key is taken for good.
            shown = await self.preview(caller, trigger_id=trigger_id, start_at=start_at, end_at=end_at)
            if len(shown) != expected_fires:
                reason = f"That is {len(shown)} fires, not {expected_fires}: preview it again."
                raise InvalidError([FieldError("/expectedFires", reason)])

        async def act(_: None, seed: str | None) -> Sequence[Fire]:
            return await self._schedules.backfill(
                BackfillSchedule(
                    trigger_id=trigger_id,
                    start_at=start_at,
                    end_at=end_at,
                    overlap_policy=overlap_policy,
                    expected_fires=expected_fires,
                    request_id=self._id(trigger_id, seed=seed),
                )
            )

        return await self._answering.outside(self._store, keyed=keyed, check=check, act=act)

    def _id(self, trigger_id: UUID, *, seed: str | None) -> UUID:
        return self._chance.new_id() if seed is None else ids.manual_execution_id(trigger_id, key=seed)

    async def _require(self, caller: Caller, *, trigger_id: UUID) -> None:
        view = await self._read_model.trigger(trigger_id, workspace=caller.workspace)
        if view is None:
            raise NotFoundError("trigger")
        if not isinstance(view.config, ScheduleConfig):
            raise NotFoundError("schedule: the trigger is of another type")
