"""Work that waits for other work: one lock for each key, slots and threads that several owners share."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable, Hashable
from contextlib import asynccontextmanager
from typing import TypeVar

T = TypeVar("T")

_Turns = OrderedDict[Hashable, OrderedDict[Hashable, deque["asyncio.Future[None]"]]]


class KeyLocks:
    """One lock for each key that a task holds or waits for; ``len`` counts these keys."""

    def __init__(self) -> None:
        self._locks: dict[Hashable, tuple[asyncio.Lock, int]] = {}

    def __len__(self) -> int:
        return len(self._locks)

    @asynccontextmanager
    async def hold(self, key: Hashable) -> AsyncIterator[None]:
        """Wait for the lock of a key, in the order of the calls, and hold it."""
        lock, users = self._locks.get(key, (asyncio.Lock(), 0))
        self._locks[key] = (lock, users + 1)
        try:
            async with lock:
                yield
        finally:
            lock, users = self._locks[key]
            if users == 1:
                del self._locks[key]
            else:
                self._locks[key] = (lock, users - 1)


class SlotsClosedError(Exception):
    """No slot will be free any more: the process stops."""


class FairSlots:
    """At most ``size`` works at a time. What waits takes turns by kind, and within a kind by owner.

    So a work waits for at most one of each other kind, and then for one of each other owner of its kind,
    however many they have. Works of one owner keep their order.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._held = 0
        self._waiting: _Turns = OrderedDict()
        self._closed = False

    def resize(self, size: int) -> None:
        """Change how many works there may be; those under way go on."""
        self._size = size
        self._admit()

    def close(self) -> None:
        """Raise ``SlotsClosedError`` in all that wait, and in all that come."""
        self._closed = True
        while (waiter := self._next()) is not None:
            waiter.set_exception(SlotsClosedError("closed"))

    @asynccontextmanager
    async def hold(self, kind: Hashable, *, owner: Hashable) -> AsyncIterator[None]:
        """Wait for a turn, and hold a slot."""
        if self._closed:
            raise SlotsClosedError("closed")
        if self._held < self._size and not self._waiting:
            self._held += 1
        else:
            await self._turn(kind, owner=owner)
        try:
            yield
        finally:
            self._held -= 1
            self._admit()

    async def _turn(self, kind: Hashable, *, owner: Hashable) -> None:
        waiter = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(kind, OrderedDict()).setdefault(owner, deque()).append(waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                # The slot was there already: the next one takes it.
                self._held -= 1
                self._admit()
            raise

    def _admit(self) -> None:
        while self._held < self._size and (waiter := self._next()) is not None:
            self._held += 1
            waiter.set_result(None)

    def _next(self) -> "asyncio.Future[None] | None":
        """Take the one whose turn it is out of the queues; put its kind and its owner behind the others."""
        while self._waiting:
            kind, owners = next(iter(self._waiting.items()))
            owner, waiters = next(iter(owners.items()))
            waiter = waiters.popleft()
            owners.move_to_end(owner)
            self._waiting.move_to_end(kind)
            if not waiters:
                del owners[owner]
            if not owners:
                del self._waiting[kind]
            if not waiter.done():
                return waiter
        return None


class FairThreads:
    """Runs at most ``threads`` works at a time, and one at a time for each owner.

    Threads are given in the order of the calls. So an owner waits for at most one work of each other owner,
    and the event loop serves other requests meanwhile.
    """

    def __init__(self, threads: int) -> None:
        self._slots = asyncio.Semaphore(threads)
        self._owners = KeyLocks()

    async def run(self, work: Callable[[], T], *, owner: Hashable) -> T:
        """Run ``work`` in a thread when it is the owner's turn."""
        async with self._owners.hold(owner), self._slots:
            return await asyncio.to_thread(work)
