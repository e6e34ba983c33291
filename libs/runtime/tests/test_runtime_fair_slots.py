"""Slow work that several owners share."""

import asyncio
import contextlib

from trigger_runtime.fair_slots import FairSlots


async def test_who_asks_for_much_waits_for_himself() -> None:
    slots, order = FairSlots(1), list[str]()

    async def work(owner: str) -> None:
        async with slots.of(owner):
            order.append(owner)
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as tasks:
        for owner in "aaaaaabc":
            tasks.create_task(work(owner))
    assert order[:3] == ["a", "b", "c"]
    assert order[3:] == ["a"] * 5


async def test_no_more_than_there_are_slots() -> None:
    slots, now, most = FairSlots(2), 0, 0

    async def work(owner: int) -> None:
        nonlocal now, most
        async with slots.of(owner % 4):
            now += 1
            most = max(most, now)
            await asyncio.sleep(0.001)
            now -= 1

    await asyncio.gather(*(work(number) for number in range(20)))
    assert most == 2


async def test_nothing_is_left_of_an_owner_also_where_he_gave_up() -> None:
    slots = FairSlots(1)
    async with slots.of("a"):
        waiting = asyncio.create_task(_enter(slots, "a"))
        other = asyncio.create_task(_enter(slots, "b"))
        await asyncio.sleep(0)
        waiting.cancel()
        other.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(waiting, other)
    async with slots.of("b"):
        pass
    assert not slots._owners


async def _enter(slots: FairSlots, owner: str) -> None:
    async with slots.of(owner):
        pass
