"""How often the process looks for reference cycles."""

import asyncio
import gc
from collections.abc import Awaitable, Callable
from typing import Final

from trigger_runtime.lifecycle import BackgroundTask

# Objects that are alive at once during a burst are no garbage: Python's 700 would have each dozen of requests
# looked through, and with the default for the oldest generation all that is kept again and again.
_THRESHOLDS: Final = (20_000, 20, 50)


class GcTuning(BackgroundTask):
    """A component, for a process whose requests leave next to no cycles behind.

    ``settled`` returns when all is loaded that stays: what is alive then is not looked at any more.
    """

    def __init__(self, *, settled: Callable[[], Awaitable[None]]) -> None:
        super().__init__("garbage", self._freeze_when_settled)
        self._settled = settled
        self._before = gc.get_threshold()

    async def start(self) -> None:
        """Set the thresholds."""
        gc.set_threshold(*_THRESHOLDS)
        await super().start()

    async def stop(self) -> None:
        """Leave all as it was: in tests the process lives on."""
        await super().stop()
        gc.unfreeze()
        gc.set_threshold(*self._before)

    async def _freeze_when_settled(self) -> None:
        await self._settled()
        gc.collect()
        gc.freeze()
        # Whoever watches this task takes its end for a crash.
        await asyncio.Event().wait()
