"""Slow work that several owners share."""

import asyncio
import threading
from functools import partial

from trigger_runtime.fair_threads import FairThreads


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
