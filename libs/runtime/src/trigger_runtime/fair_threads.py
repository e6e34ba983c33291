"""Threads for slow work that several owners share: an owner who asks for much waits for its own work."""

import asyncio
from collections.abc import Callable, Hashable
from typing import TypeVar

from trigger_runtime.key_locks import KeyLocks

T = TypeVar("T")


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
