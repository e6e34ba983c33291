"""Following a stream: what was there, then what comes, in order, whatever happens in between."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
from nats.js import api

from trigger_runtime.bus.connection import Bus
from trigger_runtime.bus.follower import Follower
from trigger_runtime.bus.jetstream_api import Received
from trigger_runtime.bus.subscription import RetryLaterError

pytestmark = pytest.mark.integration


class Directory:
    """What a service keeps: the last state of each subject, and how far it has read."""

    def __init__(self) -> None:
        self.states: dict[str, bytes] = {}
        self.sequences: list[int] = []
        self.batches: list[int] = []
        self.position: int | None = None
        self.trouble: list[Exception] = []
        self.went_back_after: list[int] = []

    def on_stream_recreated(self) -> None:
        self.went_back_after.append(len(self.sequences))

    async def where(self) -> int | None:
        return self.position

    async def apply(self, batch: Sequence[Received]) -> None:
        if self.trouble:
            raise self.trouble.pop()
        for item in batch:
            self.states[item.subject] = item.data
            self.sequences.append(item.sequence)
        self.batches.append(len(batch))
        self.position = batch[-1].sequence


@pytest.fixture
def directory() -> Directory:
    return Directory()


@pytest.fixture
async def follower(bus: Bus, directory: Directory) -> Any:
    follower = Follower(
        bus,
        name="things",
        stream="THINGS",
        subjects=["things.a.*", "things.b"],
        position=directory.where,
        apply=directory.apply,
        on_stream_recreated=directory.on_stream_recreated,
    )
    yield follower
    await follower.stop()


async def test_it_begins_with_the_last_of_each_subject_and_follows_in_order(
    bus: Bus, directory: Directory, follower: Follower, eventually: Any
) -> None:
    for number in range(10):
        for subject in ("things.a.1", "things.a.2", "things.b", "things.other"):
            await bus.publish(subject, str(number).encode())
    await follower.start()
    assert follower.check() == "still reading"
    await asyncio.wait_for(follower.caught_up(), 10)
    assert follower.check() is None
    assert directory.states == dict.fromkeys(("things.a.1", "things.a.2", "things.b"), b"9")
    assert directory.sequences == [37, 38, 39]

    for number in range(100):
        await bus.publish("things.a.1", str(number).encode())
    await eventually(lambda: len(directory.sequences) == 103)
    assert directory.sequences == [37, 38, 39, *range(41, 141)]


async def test_an_empty_stream_is_caught_up_and_a_lone_message_is_applied_at_once(
    bus: Bus, directory: Directory, follower: Follower, eventually: Any
) -> None:
    await follower.start()
    await asyncio.wait_for(follower.caught_up(), 5)
    sent = time.perf_counter()
    await bus.publish("things.b", b"1")
    await eventually(lambda: directory.sequences)
    assert time.perf_counter() - sent < 1


async def test_it_goes_on_from_its_position(
    bus: Bus, directory: Directory, follower: Follower, eventually: Any
) -> None:
    for number in range(10):
        await bus.publish("things.b", str(number).encode())
    directory.position = 4
    await follower.start()
    await asyncio.wait_for(follower.caught_up(), 5)
    assert directory.sequences == [5, 6, 7, 8, 9, 10]


async def test_a_position_at_the_end_is_caught_up(
    bus: Bus, directory: Directory, follower: Follower, eventually: Any
) -> None:
    directory.position = await bus.publish("things.b", b"1")
    await follower.start()
    await asyncio.wait_for(follower.caught_up(), 5)
    await bus.publish("things.b", b"2")
    await eventually(lambda: directory.sequences == [2])


@pytest.mark.parametrize("trouble", [RetryLaterError("away"), ValueError("a defect"), OSError("away")])
async def test_a_batch_that_was_not_applied_comes_again(
    bus: Bus, directory: Directory, follower: Follower, trouble: Exception, eventually: Any
) -> None:
    for number in range(5):
        await bus.publish("things.b", str(number).encode())
    directory.position = 0
    directory.trouble = [trouble, trouble]
    await follower.start()
    await asyncio.wait_for(follower.caught_up(), 10)
    assert directory.sequences == [1, 2, 3, 4, 5]
    directory.trouble = [trouble]
    await bus.publish("things.b", b"5")
    await bus.publish("things.b", b"6")
    await eventually(lambda: directory.sequences == [1, 2, 3, 4, 5, 6, 7])


async def test_more_than_a_batch_is_applied_in_bounded_batches(
    bus: Bus, directory: Directory, follower: Follower, eventually: Any
) -> None:
    await bulk(bus, subjects=["things.b"] * 5000)
    directory.position = 0
    await follower.start()
    await asyncio.wait_for(follower.caught_up(), 20)
    assert directory.sequences == list(range(1, 5001))
    assert max(directory.batches) <= 1000


async def test_it_survives_the_servers_death(
    bus: Bus, directory: Directory, follower: Follower, nats: Any, eventually: Any
) -> None:
    for number in range(20):
        await bus.publish("things.b", str(number).encode())
    await follower.start()
    await asyncio.wait_for(follower.caught_up(), 5)
    nats.kill()
    await eventually(lambda: bus.check() is not None)
    assert follower.check() is None, "what it knows stays usable"
    await nats.start()
    await eventually(lambda: bus.check() is None)
    for number in range(20, 40):
        await bus.publish("things.b", str(number).encode())
    await eventually(lambda: len(directory.sequences) == 21)
    assert directory.sequences == list(range(20, 41))


async def test_a_stream_that_was_made_anew_is_read_from_its_start(
    bus: Bus, directory: Directory, follower: Follower, eventually: Any
) -> None:
    for _ in range(5):
        await bus.publish("things.b", b"old")
    await follower.start()
    await asyncio.wait_for(follower.caught_up(), 5)
    config = (await bus.js.stream_info("THINGS")).config
    await bus.js.delete_stream("THINGS")
    await bus.js.add_stream(config)
    # As many as before and more: the last sequence alone does not show that it is another stream.
    for _ in range(7):
        await bus.publish("things.b", b"new")
    await eventually(lambda: directory.sequences == [5, 1, 2, 3, 4, 5, 6, 7])
    assert directory.went_back_after == [1], "told before the first message of the new one"


async def test_a_position_from_beyond_the_stream_reads_it_from_the_start(
    bus: Bus, directory: Directory, follower: Follower, eventually: Any
) -> None:
    directory.position = 1000
    for _ in range(3):
        await bus.publish("things.b", b"1")
    await follower.start()
    await eventually(lambda: directory.sequences == [1, 2, 3])
    assert follower.check() is None
    assert directory.went_back_after == [0]


async def test_it_is_caught_up_although_the_stream_is_always_written_to(
    bus: Bus, directory: Directory, follower: Follower
) -> None:
    await bulk(bus, subjects=[f"things.a.{number}" for number in range(3000)])
    stop = asyncio.Event()

    async def write() -> None:
        while not stop.is_set():
            await bus.publish("things.b", b"x", timeout=10)

    writing = [asyncio.create_task(write()) for _ in range(4)]
    await follower.start()
    await asyncio.wait_for(follower.caught_up(), 20)
    stop.set()
    await asyncio.gather(*writing)
    assert len(directory.states) >= 3000


async def test_stopping_leaves_nothing_behind(
    bus: Bus,
    directory: Directory,
    follower: Follower,
    subscriptions: Callable[[], Awaitable[list[str]]],
) -> None:
    await follower.start()
    await asyncio.wait_for(follower.caught_up(), 5)
    await follower.stop()
    await bus.client.flush()
    mine = asyncio.current_task()
    left = {task.get_name() for task in asyncio.all_tasks() if task is not mine}
    assert not {name for name in left if name.startswith("follower")}
    # One for the replies to requests; the inbox of the follower is gone.
    assert len(await subscriptions()) <= 1


async def test_one_that_never_started_stops(follower: Follower) -> None:
    await follower.stop()


async def test_a_stop_before_the_bus_is_there(directory: Directory) -> None:
    bus = Bus(url="nats://127.0.0.1:1", client_name="test")
    await bus.start()
    follower = Follower(
        bus, name="x", stream="X", subjects=["x"], position=directory.where, apply=directory.apply
    )
    await follower.start()
    await asyncio.sleep(0)
    await follower.stop()
    await bus.stop()


async def test_a_hundred_thousand_subjects(
    bus: Bus, directory: Directory, record_testsuite_property: Any, capsys: Any
) -> None:
    # In memory: what is measured is the reading, and filling a synced file would take a minute.
    await bus.js.add_stream(
        api.StreamConfig(
            name="MANY", subjects=["many.*"], storage=api.StorageType.MEMORY, max_msgs_per_subject=4
        )
    )
    total = 100_000
    await bulk(bus, subjects=[f"many.{number}" for number in range(total)], stream="MANY", size=600)
    follower = Follower(
        bus, name="many", stream="MANY", subjects=["many.*"], position=directory.where, apply=directory.apply
    )
    begun = time.perf_counter()
    await follower.start()
    await asyncio.wait_for(follower.caught_up(), 60)
    seconds = time.perf_counter() - begun
    assert len(directory.states) == total
    record_testsuite_property("hydration_seconds_100000_subjects", round(seconds, 2))
    with capsys.disabled():
        print(f"\nhydrated {total} subjects in {seconds:.2f} s", end="")
    await follower.stop()


async def bulk(bus: Bus, *, subjects: Sequence[str], stream: str = "THINGS", size: int = 10) -> None:
    """Publish without waiting for each confirmation; return when all are stored."""
    for number, subject in enumerate(subjects):
        await bus.client.publish(subject, b"x" * size)
        if number % 1000 == 999:
            await bus.client.flush()
    async with asyncio.timeout(60):
        while (await bus.js.stream_info(stream)).state.messages < len(subjects):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
