"""Working out schedules and their next fires, beside the loop where that takes a while."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Final, TypeVar

from scheduler_sync.domain import next_times
from scheduler_sync.domain.desired import DesiredSchedule, desired_schedule
from trigger_contracts.config import DstPolicy, ScheduleConfig, TriggerState

T = TypeVar("T")

_FEW_CALENDARS: Final = 64
"""In which the next fires are found within some ten milliseconds, if none are excluded."""


class Foreteller:
    """Does one slow thing at a time: all share one processor, and others have their turn meanwhile."""

    def __init__(self) -> None:
        self._slow = asyncio.Semaphore(1)

    async def desired(self, trigger: TriggerState) -> DesiredSchedule | None:
        """Return what a trigger's schedule shall be, ``None`` where there shall be none.

        Raises ``UncompilableError``.
        """
        return await self._work_out(lambda: desired_schedule(trigger), is_slow=_compiles_slowly(trigger))

    async def next_times(
        self, desired: DesiredSchedule, *, now: datetime, count: int
    ) -> tuple[datetime, ...] | None:
        """Return up to ``count`` times after ``now``: see ``domain.next_times``."""
        return await self._work_out(
            lambda: next_times.next_times(desired, now=now, count=count), is_slow=_is_sought_long(desired)
        )

    async def is_finished(self, desired: DesiredSchedule, *, now: datetime) -> bool:
        """Tell whether it has no fire left: see ``domain.next_times``."""
        return await self._work_out(
            lambda: next_times.is_finished(desired, now=now), is_slow=_is_sought_long(desired)
        )

    async def _work_out(self, work: Callable[[], T], *, is_slow: bool) -> T:
        if not is_slow:
            return work()
        async with self._slow:
            return await asyncio.to_thread(work)


def _compiles_slowly(trigger: TriggerState) -> bool:
    """Tell whether it may take more than some milliseconds: the policy ``shift`` takes up to two seconds."""
    config = trigger.config
    return isinstance(config, ScheduleConfig) and config.dst_policy is DstPolicy.SHIFT


def _is_sought_long(desired: DesiredSchedule) -> bool:
    return bool(desired.excluded) or len(desired.calendars) > _FEW_CALENDARS
