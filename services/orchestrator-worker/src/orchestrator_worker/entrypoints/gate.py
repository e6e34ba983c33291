"""A component that begins only when something else is complete."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from trigger_runtime.cancelling import cancel
from trigger_runtime.lifecycle import Component, Watched


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

    def tasks(self) -> Iterable[asyncio.Task[Any]]:
        """Return what must not end by itself."""
        return [self._waiting] if self._waiting is not None else []

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
        if isinstance(self._component, Watched):
            # This task lives on in its place: whoever watches it learns when the component's work ends.
            ended, _ = await asyncio.wait(self._component.tasks(), return_when=asyncio.FIRST_COMPLETED)
            for task in ended:
                task.result()
