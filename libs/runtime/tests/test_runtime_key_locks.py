"""One lock for each key."""

import asyncio
import contextlib

from trigger_runtime.key_locks import KeyLocks


async def test_one_key_is_held_by_one_task_at_a_time() -> None:
    locks, order = KeyLocks(), list[str]()

    async def work(key: str, *, name: str) -> None:
        async with locks.hold(key):
            order.append(name)
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(work("a", name="a1"))
        tasks.create_task(work("a", name="a2"))
        tasks.create_task(work("b", name="b1"))
    assert order == ["a1", "b1", "a2"]


async def test_nothing_is_left_of_a_key_also_after_a_cancellation() -> None:
    locks = KeyLocks()
    async with locks.hold("a"):
        waiting = asyncio.create_task(_enter(locks, "a"))
        await asyncio.sleep(0)
        assert len(locks) == 1
        waiting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await waiting
    await _enter(locks, "b")
    assert len(locks) == 0


async def _enter(locks: KeyLocks, key: str) -> None:
    async with locks.hold(key):
        pass
