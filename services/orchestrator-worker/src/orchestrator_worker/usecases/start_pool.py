"""Runs starts: few at once, by turns, and again where Temporal could not take them."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Final, TypeVar

from orchestrator_worker.domain.start_limit import StartLimit
from orchestrator_worker.ports import StartUnavailableError
from trigger_runtime import backoff
from trigger_runtime.concurrency import FairSlots, SlotsClosedError

T = TypeVar("T")

_TRIES: Final = 4
"""In a row, while Temporal is healthy. Then the message goes back to the bus, and others get its room."""
_BURST_SECONDS: Final = 0.1
"""For how long no start came: so many may begin at once where there is a rate."""


def _pause(tries: int) -> float:
    return backoff.delay(tries, first=0.25, cap=2.0)


class StartPool:
    """A component through which every start goes.

    At most ``limit.size`` are under way. What waits takes turns by kind, and within a kind by workspace: a
    manual run does not wait behind a batch of webhooks, nor one workspace behind another.
    Only what failed is tried again, when Temporal is healthy; ``per_second`` is how many may begin then, 0 is
    no limit. ``stop`` gives up what is not under way, for another process to start it.
    """

    def __init__(
        self,
        *,
        limit: StartLimit,
        healthy: Callable[[], Awaitable[None]],
        per_second: float = 0.0,
        pause: Callable[[int], float] = _pause,
    ) -> None:
        """``pause`` is how many seconds pass after a failed try."""
        self.name = "start pool"
        self._limit = limit
        self._healthy = healthy
        self._interval = 1 / per_second if per_second else 0.0
        self._next_at = 0.0
        self._pause = pause
        self._slots = FairSlots(limit.size)
        self._closed = asyncio.Event()

    async def start(self) -> None:
        """Nothing is to be begun."""

    async def stop(self) -> None:
        """Let what is under way end; whatever else waits raises ``StartUnavailableError``."""
        self._closed.set()
        self._slots.close()

    async def run(self, work: Callable[[], Awaitable[T]], *, kind: Hashable, workspace: str) -> T:
        """Return what ``work`` does, which starts something.

        Raises what it raises, ``StartUnavailableError`` after some tries.
        """
        tries = 0
        while True:
            tries += 1
            try:
                return await self._try(work, kind=kind, workspace=workspace)
            except StartUnavailableError:
                if tries == _TRIES or self._closed.is_set():
                    raise
            except SlotsClosedError:
                raise StartUnavailableError("this process stops") from None
            await self._unless_closed(asyncio.sleep(self._pause(tries)))
            await self._unless_closed(self._healthy())

    async def _try(self, work: Callable[[], Awaitable[T]], *, kind: Hashable, workspace: str) -> T:
        loop = asyncio.get_running_loop()
        async with self._slots.hold(kind, owner=workspace):
            await self._pace(loop.time())
            began = loop.time()
            try:
                result = await work()
            except StartUnavailableError:
                self._limit.failed()
                self._slots.resize(self._limit.size)
                raise
            self._limit.succeeded(loop.time() - began)
            self._slots.resize(self._limit.size)
            return result

    async def _pace(self, now: float) -> None:
        if self._interval:
            self._next_at = max(now - _BURST_SECONDS, self._next_at) + self._interval
            if self._next_at > now:
                await asyncio.sleep(self._next_at - now)

    async def _unless_closed(self, waiting: Awaitable[None]) -> None:
        """Wait. Raises ``StartUnavailableError`` as soon as this process stops."""
        waiter = asyncio.ensure_future(waiting)
        closed = asyncio.create_task(self._closed.wait())
        try:
            await asyncio.wait([waiter, closed], return_when=asyncio.FIRST_COMPLETED)
            if self._closed.is_set():
                raise StartUnavailableError("this process stops")
        finally:
            waiter.cancel()
            closed.cancel()
