"""Slots that are shared fairly."""

import asyncio
from collections.abc import Sequence

import pytest

from trigger_runtime.concurrency import FairSlots, SlotsClosedError


class Works:
    """Works that note the order in which they got a slot, and end when the test says."""

    def __init__(self, slots: FairSlots) -> None:
        self.slots = slots
        self.order: list[str] = []
        self.go = asyncio.Semaphore(0)
        self.tasks: list[asyncio.Task[None]] = []

    def begin(self, *works: tuple[str, str]) -> None:
        for kind, owner in works:
            self.tasks.append(asyncio.create_task(self._work(kind, owner=owner)))

    async def _work(self, kind: str, *, owner: str) -> None:
        async with self.slots.hold(kind, owner=owner):
            self.order.append(f"{kind}/{owner}")
            await self.go.acquire()

    async def settle(self) -> None:
        for _ in range(20):
            await asyncio.sleep(0)

    async def end(self, count: int) -> None:
        """Let that many end, one by one."""
        for _ in range(count):
            self.go.release()
            await self.settle()


async def test_kinds_take_turns_and_within_them_owners() -> None:
    works = Works(FairSlots(1))
    works.begin(*[("webhook", "a")] * 4, ("webhook", "b"), ("manual", "a"), ("event", "c"), ("manual", "b"))
    await works.settle()
    await works.end(8)
    assert works.order == [
        *("webhook/a", "webhook/a", "manual/a", "event/c"),
        *("webhook/b", "manual/b", "webhook/a", "webhook/a"),
    ]
    await asyncio.gather(*works.tasks)


@pytest.mark.parametrize("flood", [10, 1000])
async def test_one_waits_for_one_of_a_flood(flood: int) -> None:
    works = Works(FairSlots(2))
    works.begin(*[("webhook", "a")] * flood)
    await works.settle()
    works.begin(("manual", "a"))
    await works.settle()
    await works.end(2)
    assert "manual/a" in works.order[:4]
    await works.end(flood)


async def test_more_slots_admit_who_waits_and_fewer_let_those_under_way_end() -> None:
    works = Works(FairSlots(1))
    works.begin(*[("webhook", "a")] * 6)
    await works.settle()
    assert len(works.order) == 1
    works.slots.resize(3)
    await works.settle()
    assert len(works.order) == 3
    works.slots.resize(1)
    await works.end(2)
    assert len(works.order) == 3
    await works.end(1)
    assert len(works.order) == 4
    await works.end(3)
    await asyncio.gather(*works.tasks)


async def test_who_is_cancelled_takes_no_slot() -> None:
    works = Works(FairSlots(1))
    works.begin(("webhook", "a"), ("webhook", "b"), ("webhook", "c"), ("webhook", "d"))
    await works.settle()
    works.tasks[1].cancel()
    await works.settle()
    # Cancelled in the moment in which it is admitted.
    works.tasks[0].add_done_callback(lambda _: works.tasks[2].cancel())
    works.go.release()
    await works.settle()
    assert works.order[-1] == "webhook/d"
    await works.end(1)
    results = await asyncio.gather(*works.tasks, return_exceptions=True)
    assert [type(result) for result in results].count(asyncio.CancelledError) == 2
    works.begin(("webhook", "e"))
    await works.settle()
    assert works.order[-1] == "webhook/e"
    await works.end(1)


async def test_closed_slots_give_up_what_waits_and_let_the_rest_end() -> None:
    works = Works(FairSlots(1))
    works.begin(("webhook", "a"), ("webhook", "b"), ("manual", "c"))
    await works.settle()
    works.slots.close()
    await works.end(1)
    works.begin(("webhook", "d"))
    results: Sequence[object] = await asyncio.gather(*works.tasks, return_exceptions=True)
    assert [type(result) for result in results] == [type(None), *[SlotsClosedError] * 3]
    assert works.order == ["webhook/a"]
