"""Temporal's schedules, through its client."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final

from temporalio.client import Schedule, ScheduleAlreadyRunningError, ScheduleUpdate, ScheduleUpdateInput

from scheduler_sync.adapters.temporal_errors import GoneError, temporal_errors
from scheduler_sync.adapters.temporal_likeness import same
from scheduler_sync.adapters.temporal_words import schedule_of
from scheduler_sync.domain.desired import DesiredSchedule
from scheduler_sync.domain.plan import ActualSchedule
from scheduler_sync.ports import ScheduleExistsError, TemporalAwayError
from trigger_runtime.temporal import TemporalConnection

_PREFIX: Final = "trigger-"
_RPC_TIMEOUT: Final = timedelta(seconds=10)
AT_ONCE: Final = 16
"""Calls under way, of messages and of the comparison together: more would only queue up in Temporal."""


class TemporalSchedules:
    """Implements ``ports.Schedules``."""

    def __init__(self, temporal: TemporalConnection) -> None:
        self._temporal = temporal
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def describe(
        self, schedule_id: str, *, wanted: DesiredSchedule | None = None
    ) -> ActualSchedule | None:
        """Return a schedule as it is now, from the schedule itself."""
        handle = self._temporal.client.get_schedule_handle(schedule_id)
        try:
            async with self._call():
                found = await handle.describe(rpc_timeout=_RPC_TIMEOUT)
        except GoneError:
            return None
        return ActualSchedule(
            schedule_id=schedule_id,
            note=found.schedule.state.note,
            paused=found.schedule.state.paused,
            next_fire_times=tuple(found.info.next_action_times),
            altered=_is_altered(found.schedule, wanted=wanted),
        )

    async def create(self, desired: DesiredSchedule) -> None:
        """Create."""
        try:
            async with self._call():
                await self._temporal.client.create_schedule(
                    desired.schedule_id, schedule_of(desired), rpc_timeout=_RPC_TIMEOUT
                )
        except ScheduleAlreadyRunningError as error:
            raise ScheduleExistsError("the schedule exists by now") from error

    async def update(self, desired: DesiredSchedule) -> None:
        """Replace the whole schedule."""

        def replace(_: ScheduleUpdateInput) -> ScheduleUpdate:
            return ScheduleUpdate(schedule=schedule_of(desired))

        handle = self._temporal.client.get_schedule_handle(desired.schedule_id)
        try:
            async with self._call():
                await handle.update(replace, rpc_timeout=_RPC_TIMEOUT)
        except GoneError as error:
            raise TemporalAwayError("the schedule is gone by now") from error

    async def pause(self, schedule_id: str, *, note: str) -> None:
        """Pause, with the note in the same step."""
        try:
            async with self._call():
                handle = self._temporal.client.get_schedule_handle(schedule_id)
                await handle.pause(note=note, rpc_timeout=_RPC_TIMEOUT)
        except GoneError as error:
            raise TemporalAwayError("the schedule is gone by now") from error

    async def resume(self, schedule_id: str, *, note: str) -> None:
        """Let it run again, with the note in the same step."""
        try:
            async with self._call():
                handle = self._temporal.client.get_schedule_handle(schedule_id)
                await handle.unpause(note=note, rpc_timeout=_RPC_TIMEOUT)
        except GoneError as error:
            raise TemporalAwayError("the schedule is gone by now") from error

    async def delete(self, schedule_id: str) -> None:
        """Delete; one that is gone already is a success."""
        handle = self._temporal.client.get_schedule_handle(schedule_id)
        try:
            async with self._call():
                await handle.delete(rpc_timeout=_RPC_TIMEOUT)
        except GoneError:
            return

    @asynccontextmanager
    async def _call(self) -> AsyncIterator[None]:
        async with self._slots:
            with temporal_errors():
                yield

    async def all(self) -> AsyncIterator[ActualSchedule]:
        """List every schedule under our prefix."""
        with temporal_errors():
            async for entry in await self._temporal.client.list_schedules(page_size=1000):
                if not entry.id.startswith(_PREFIX) or entry.schedule is None:
                    continue
                yield ActualSchedule(
                    schedule_id=entry.id,
                    note=entry.schedule.state.note,
                    paused=entry.schedule.state.paused,
                    next_fire_times=tuple(entry.info.next_action_times) if entry.info else (),
                )


def _is_altered(found: Schedule, *, wanted: DesiredSchedule | None) -> bool:
    """Tell whether a schedule that carries the note of ``wanted`` is another one all the same."""
    return (
        wanted is not None
        and wanted.target.is_named_by(found.state.note)
        and not same(found, schedule_of(wanted))
    )
