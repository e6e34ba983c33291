"""A component that begins only when something else is complete."""

import asyncio
from collections.abc import Awaitable, Callable

from trigger_runtime.cancelling import cancel
from trigger_runtime.lifecycle import Component


class StartsAfter:
    """Starts a component once ``ready`` returns.

    The events consumer waits so for the directory of triggers: an event that is matched with half a
    directory is acknowledged and lost to the other half.
    """

    def __init__(self, component: Component, *, ready: Callable[[], Awaitable[None]]) -> None:
        self.name = component.name
        self._component = component
        self._ready = ready
        self._waiting: asyncio.Task[None] | None = None
        self._started = False

    async def start(self) -> None:
        """Begin to wait."""
        self._waiting = asyncio.create_task(self._start_when_ready(), name=f"{self.name} waiting")

    async def stop(self) -> None:
        """Stop waiting, or the component where it was started."""
        if self._waiting is not None:
            await cancel([self._waiting])
        if self._started:
            await self._component.stop()

    async def _start_when_ready(self) -> None:
        await self._ready()
        # Before the start: a start that is interrupted half-way is to be stopped too.
        self._started = True
        await self._component.start()
