"""Working out schedules and their next fires, beside the loop where that takes a while."""

from collections.abc import Callable
from datetime import datetime
from typing import Final, TypeVar

from scheduler_sync.domain import next_times
from scheduler_sync.domain.desired import DesiredSchedule, desired_schedule
from trigger_contracts.config import ScheduleConfig, TriggerState
from trigger_cron import is_cached
from trigger_runtime.fair_threads import FairThreads

T = TypeVar("T")

_FEW_CALENDARS: Final = 64
"""In which the next fires are found within some ten milliseconds, if none are excluded."""


class Foreteller:
    """Does one slow thing at a time: all share one processor, and others have their turn meanwhile.

    The workspaces have their turns in order, so that no one's many schedules keep all others waiting.
    """

    def __init__(self) -> None:
        self._threads = FairThreads(1)

    async def desired(self, trigger: TriggerState) -> DesiredSchedule | None:
        """Return what a trigger's schedule shall be, ``None`` where there shall be none.

        Raises ``UncompilableError``.
        """
        if not isinstance(trigger.config, ScheduleConfig) or is_cached(trigger.config):
            return desired_schedule(trigger)
        return await self._threads.run(lambda: desired_schedule(trigger), owner=trigger.workspace)

    async def next_times(
        self, desired: DesiredSchedule, *, now: datetime, count: int
    ) -> tuple[datetime, ...] | None:
        """Return up to ``count`` times after ``now``: see ``domain.next_times``."""
        return await self._sought(desired, lambda: next_times.next_times(desired, now=now, count=count))

    async def is_finished(self, desired: DesiredSchedule, *, now: datetime) -> bool:
        """Tell whether it has no fire left: see ``domain.next_times``."""
        return await self._sought(desired, lambda: next_times.is_finished(desired, now=now))

    async def _sought(self, desired: DesiredSchedule, work: Callable[[], T]) -> T:
        if not desired.excluded and len(desired.calendars) <= _FEW_CALENDARS:
            return work()
        return await self._threads.run(work, owner=desired.input.workspace)
