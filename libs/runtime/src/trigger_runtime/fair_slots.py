"""Slots for slow work that several owners share: whoever asks for much waits for himself."""

import asyncio
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager


class FairSlots:
    """At most ``slots`` works at a time, and of one owner one, so that all others have their turns between.

    The slots are given in the order in which they are asked for, so whoever asks waits for at most one work
    of each other owner.
    """

    def __init__(self, slots: int) -> None:
        self._slots = asyncio.Semaphore(slots)
        self._owners: dict[Hashable, tuple[asyncio.Lock, int]] = {}

    @asynccontextmanager
    async def of(self, owner: Hashable) -> AsyncIterator[None]:
        """Wait for a slot, and hold it."""
        lock, waiting = self._owners.get(owner, (asyncio.Lock(), 0))
        self._owners[owner] = (lock, waiting + 1)
        try:
            async with lock, self._slots:
                yield
        finally:
            lock, waiting = self._owners[owner]
            if waiting == 1:
                del self._owners[owner]
            else:
                self._owners[owner] = (lock, waiting - 1)
