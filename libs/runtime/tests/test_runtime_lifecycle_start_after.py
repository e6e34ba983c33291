"""A component that waits for another can be stopped while it waits."""

import asyncio

from trigger_runtime.lifecycle import StartAfter


class Part:
    name = "part"

    def __init__(self) -> None:
        self.calls: list[str] = []

    async def start(self) -> None:
        self.calls.append("start")

    async def stop(self) -> None:
        self.calls.append("stop")


async def test_it_stops_even_where_a_cancellation_is_lost() -> None:
    waiting, part = asyncio.Event(), Part()

    async def ready() -> None:
        # As asyncio.wait_for of Python 3.11 does where the cancellation meets its result.
        try:
            waiting.set()
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.Event().wait()

    gate = StartAfter(part, ready=ready)
    await gate.start()
    await waiting.wait()
    async with asyncio.timeout(10):
        await gate.stop()
    assert part.calls == []


async def test_it_stops_what_it_started() -> None:
    opened, part = asyncio.Event(), Part()
    started = asyncio.Event()

    async def ready() -> None:
        await opened.wait()
        started.set()

    gate = StartAfter(part, ready=ready)
    await gate.start()
    assert part.calls == []
    opened.set()
    await started.wait()
    await gate.stop()
    assert part.calls in (["stop"], ["start", "stop"])
