"""Schedules and their fires, computed in a thread where that takes a while."""

from collections.abc import Callable
from datetime import datetime
from typing import Final, TypeVar

from scheduler_sync.domain import next_times
from scheduler_sync.domain.backfill import Backfill, Rejected, decide_backfill
from scheduler_sync.domain.desired import DesiredSchedule, desired_schedule
from trigger_contracts.config import ScheduleConfig, TriggerState
from trigger_cron import is_cached
from trigger_runtime.concurrency import FairThreads

T = TypeVar("T")

_FEW_CALENDARS: Final = 64
"""With so many and no excluded ones, the next fires take some ten milliseconds."""


class ScheduleCalculator:
    """Computes one slow schedule and one backfill at a time: all share one processor.

    The workspaces take turns, so that the many schedules of one keep no other waiting.
    """

    def __init__(self) -> None:
        self._schedules = FairThreads(1)
        self._backfills = FairThreads(1)

    async def desired(self, trigger: TriggerState) -> DesiredSchedule | None:
        """Return the schedule of a trigger: see ``domain.desired``. Raises ``UncompilableError``."""
        if not isinstance(trigger.config, ScheduleConfig) or is_cached(trigger.config):
            return desired_schedule(trigger)
        return await self._schedules.run(lambda: desired_schedule(trigger), owner=trigger.workspace)

    async def next_times(
        self, desired: DesiredSchedule, *, now: datetime, count: int
    ) -> tuple[datetime, ...] | None:
        """Return up to ``count`` times after ``now``: see ``domain.next_times``."""
        return await self._search(desired, lambda: next_times.next_times(desired, now=now, count=count))

    async def is_finished(self, desired: DesiredSchedule, *, now: datetime) -> bool:
        """Tell whether a schedule has no fire left: see ``domain.next_times``."""
        return await self._search(desired, lambda: next_times.is_finished(desired, now=now))

    async def backfill(
        self, desired: DesiredSchedule, *, start_at: datetime, end_at: datetime, now: datetime
    ) -> Backfill | Rejected:
        """Return the backfill of a range: see ``domain.backfill``."""
        return await self._backfills.run(
            lambda: decide_backfill(desired, start_at=start_at, end_at=end_at, now=now),
            owner=desired.input.workspace,
        )

    async def _search(self, desired: DesiredSchedule, search: Callable[[], T]) -> T:
        if not desired.excluded and len(desired.calendars) <= _FEW_CALENDARS:
            return search()
        return await self._schedules.run(search, owner=desired.input.workspace)
