"""Work that waits for other work: one lock for each key, and threads that several owners share."""

import asyncio
from collections.abc import AsyncIterator, Callable, Hashable
from contextlib import asynccontextmanager
from typing import TypeVar

T = TypeVar("T")


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
