"""One lock for each key; slow work that several owners share."""

import asyncio
import contextlib
import threading
from functools import partial

from trigger_runtime.concurrency import FairThreads, KeyLocks


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


async def test_an_owner_who_asks_for_much_waits_for_its_own_work() -> None:
    threads, order = FairThreads(1), list[str]()
    async with asyncio.TaskGroup() as tasks:
        for owner in "aaaaaabc":
            tasks.create_task(threads.run(partial(order.append, owner), owner=owner))
    assert order[:3] == ["a", "b", "c"]
    assert order[3:] == ["a"] * 5


async def test_no_more_work_runs_at_a_time_than_there_are_threads() -> None:
    threads, both, now, most = FairThreads(2), threading.Barrier(2), 0, 0
    counted = threading.Lock()

    def work() -> None:
        nonlocal now, most
        with counted:
            now += 1
            most = max(most, now)
        # Passed only by two works that run at the same time.
        both.wait(timeout=10)
        with counted:
            now -= 1

    await asyncio.gather(*(threads.run(work, owner=number) for number in range(20)))
    assert most == 2


async def test_work_runs_in_a_thread_and_its_result_comes_back() -> None:
    assert await FairThreads(1).run(threading.get_ident, owner="a") != threading.get_ident()
