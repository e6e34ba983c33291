"""How many starts are under way, in which order, and what becomes of one that fails."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from orchestrator_worker.domain.start_limit import StartLimit
from orchestrator_worker.ports import StartRefusedError, StartUnavailableError
from orchestrator_worker.usecases.start_pool import StartPool


class Server:
    """A server that works on ``capacity`` starts at once; the others wait for it."""

    def __init__(self, *, capacity: int, seconds: float) -> None:
        self.capacity = capacity
        self.seconds = seconds

    def settle(self, limit: StartLimit, *, starts: int) -> list[int]:
        """Let the limit see that many starts; return its sizes."""
        sizes = []
        for _ in range(starts):
            limit.succeeded(self.seconds * max(1.0, limit.size / self.capacity))
            sizes.append(limit.size)
        return sizes


@pytest.mark.parametrize("capacity", [1, 4, 20])
@pytest.mark.parametrize("seconds", [0.002, 0.05])
def test_the_limit_keeps_the_server_busy_and_few_wait_there(capacity: int, seconds: float) -> None:
    limit, server = StartLimit(most=64), Server(capacity=capacity, seconds=seconds)
    sizes = server.settle(limit, starts=5000)[500:]
    mean = sum(sizes) / len(sizes)
    assert capacity * 0.9 <= mean <= capacity + 6


def test_the_limit_follows_a_server_that_becomes_slower_or_faster() -> None:
    limit = StartLimit(most=64)
    Server(capacity=16, seconds=0.005).settle(limit, starts=3000)
    slow = Server(capacity=16, seconds=0.05).settle(limit, starts=6000)[3000:]
    assert sum(slow) / len(slow) >= 12
    narrow = Server(capacity=2, seconds=0.05).settle(limit, starts=6000)[3000:]
    assert sum(narrow) / len(narrow) <= 10


def test_the_limit_stays_within_its_bounds() -> None:
    limit = StartLimit(most=8)
    assert max(Server(capacity=1000, seconds=0.01).settle(limit, starts=2000)) == 8
    for _ in range(20):
        limit.failed()
    assert limit.size == 2
    one = StartLimit(most=1)
    one.failed()
    assert {one.size, *Server(capacity=9, seconds=0.01).settle(one, starts=2000)} == {1}


class Health:
    """A Temporal that is there or not."""

    def __init__(self) -> None:
        self.there = asyncio.Event()
        self.there.set()
        self.asked = asyncio.Event()

    async def healthy(self) -> None:
        self.asked.set()
        await self.there.wait()


def pool_of(health: Health, *, most: int = 4) -> StartPool:
    return StartPool(limit=StartLimit(most=most), healthy=health.healthy, pause=lambda _: 0.0)


def failing(times: int, error: Exception, *, calls: list[int]) -> Callable[[], Awaitable[str]]:
    async def work() -> str:
        calls.append(len(calls))
        if len(calls) <= times:
            raise error
        return "started"

    return work


async def test_only_what_failed_is_tried_again() -> None:
    pool, calls, others = pool_of(Health()), list[int](), list[int]()
    flaky = failing(2, StartUnavailableError("overloaded"), calls=calls)
    fine = failing(0, StartUnavailableError("overloaded"), calls=others)
    runs = [pool.run(work, kind="delivery", workspace="a") for work in (flaky, fine)]
    assert await asyncio.gather(*runs) == ["started", "started"]
    assert (len(calls), len(others)) == (3, 1)


async def test_what_goes_on_failing_goes_back_to_the_bus() -> None:
    pool, calls = pool_of(Health()), list[int]()
    work = failing(99, StartUnavailableError("no namespace"), calls=calls)
    with pytest.raises(StartUnavailableError, match="no namespace"):
        await pool.run(work, kind="delivery", workspace="a")
    assert len(calls) == 4


@pytest.mark.parametrize("error", [StartRefusedError("never"), KeyError("a defect")])
async def test_what_waiting_cannot_help_is_tried_once(error: Exception) -> None:
    pool, calls = pool_of(Health()), list[int]()
    with pytest.raises(type(error)):
        await pool.run(failing(99, error, calls=calls), kind="delivery", workspace="a")
    assert len(calls) == 1


async def test_while_temporal_is_away_nothing_is_tried_and_no_slot_is_held() -> None:
    health = Health()
    pool, calls = pool_of(health, most=1), list[int]()
    health.there.clear()
    waiting = asyncio.create_task(
        pool.run(failing(1, StartUnavailableError("away"), calls=calls), kind="event", workspace="a")
    )
    await health.asked.wait()
    assert len(calls) == 1
    assert await pool.run(failing(0, KeyError(), calls=[]), kind="event", workspace="b") == "started"
    health.there.set()
    assert await waiting == "started"
    assert len(calls) == 2


async def test_a_stop_gives_up_what_is_not_under_way_and_lets_the_rest_end() -> None:
    health, go, under_way = Health(), asyncio.Event(), asyncio.Event()
    pool = pool_of(health, most=1)

    async def slow() -> str:
        under_way.set()
        await go.wait()
        return "started"

    first = asyncio.create_task(pool.run(slow, kind="delivery", workspace="a"))
    await under_way.wait()
    second = asyncio.create_task(pool.run(slow, kind="delivery", workspace="a"))
    await asyncio.sleep(0)
    await pool.stop()
    with pytest.raises(StartUnavailableError, match="stops"):
        await second
    with pytest.raises(StartUnavailableError, match="stops"):
        await pool.run(slow, kind="manual", workspace="a")
    go.set()
    assert await first == "started"


@pytest.mark.parametrize("paused", [True, False])
async def test_a_stop_ends_the_wait_for_temporal(paused: bool) -> None:
    health = Health()
    health.there.clear()
    tried, calls = asyncio.Event(), list[int]()

    def pause(_: int) -> float:
        tried.set()
        return 3600.0 if paused else 0.0

    pool = StartPool(limit=StartLimit(most=1), healthy=health.healthy, pause=pause)
    work = failing(9, StartUnavailableError("away"), calls=calls)
    waiting = asyncio.create_task(pool.run(work, kind="event", workspace="a"))
    await (tried if paused else health.asked).wait()
    await pool.stop()
    with pytest.raises(StartUnavailableError, match="stops"):
        await waiting
    assert len(calls) == 1


async def test_a_rate_spreads_the_starts() -> None:
    health = Health()
    pool = StartPool(limit=StartLimit(most=64), healthy=health.healthy, per_second=1000.0)
    loop = asyncio.get_running_loop()
    times: list[float] = []

    async def work() -> None:
        times.append(loop.time())

    await asyncio.gather(*(pool.run(work, kind="delivery", workspace="a") for _ in range(300)))
    # Of 300 the first hundred or so may begin at once.
    assert times[-1] - times[0] >= (300 - 102) / 1000
