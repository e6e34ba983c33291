"""Working out schedules beside the loop, where that takes a while."""

import asyncio

from scheduler_sync.domain.desired import DesiredSchedule, desired_schedule
from trigger_contracts.config import DstPolicy, ScheduleConfig, TriggerState


class Compiler:
    """Compiles one at a time: all share one processor, and others have their turn meanwhile."""

    def __init__(self) -> None:
        self._slow = asyncio.Semaphore(1)

    async def compiled(self, trigger: TriggerState) -> DesiredSchedule | None:
        """Return what a trigger's schedule shall be, ``None`` where there shall be none.

        Raises ``UncompilableError``.
        """
        if not _is_slow(trigger):
            return desired_schedule(trigger)
        async with self._slow:
            return await asyncio.to_thread(desired_schedule, trigger)


def _is_slow(trigger: TriggerState) -> bool:
    """Tell whether it may take more than some milliseconds: the policy ``shift`` takes up to two seconds."""
    config = trigger.config
    return isinstance(config, ScheduleConfig) and config.dst_policy is DstPolicy.SHIFT
