"""Messages that only a newer release reads are out of the way of the rest, and handled when it is there."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from trigger_runtime.bus.connection import Bus
from trigger_runtime.bus.consumer import Consumer
from trigger_runtime.bus.jetstream_api import Received
from trigger_runtime.bus.parked_consumer import parked_consumer
from trigger_runtime.bus.subscription import Parking, Subscription
from trigger_runtime.metrics import Metrics

pytestmark = pytest.mark.integration

ROOM = 20


class TooNewError(Exception):
    pass


PARKING = Parking(stream="PARKED", subject="parked.THINGS.worker", errors=(TooNewError,))
SUBSCRIPTION = Subscription(
    stream="THINGS",
    durable="worker",
    subjects=["things.>"],
    dead_letter_subject="dead.THINGS.worker",
    parking=PARKING,
    concurrency=4,
)


class Release:
    """One release: what it can read, and what it has handled."""

    def __init__(self, *, reads: Callable[[Received], bool]) -> None:
        self._reads = reads
        self.handled: list[Received] = []

    async def handle(self, item: Received) -> None:
        if not self._reads(item):
            raise TooNewError("of a newer release")
        self.handled.append(item)


Run = Callable[[Release], Awaitable[tuple[Consumer, Consumer]]]


@pytest.fixture
async def run(bus: Bus, metrics: Metrics, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Run]:
    monkeypatch.setattr("trigger_runtime.backoff.delay", lambda attempt, **_: 0.01)
    monkeypatch.setattr("trigger_runtime.bus.consumer._MIN_ACK_PENDING", ROOM)
    started: list[Consumer] = []

    async def start(release: Release) -> tuple[Consumer, Consumer]:
        both = (
            Consumer(bus, subscription=SUBSCRIPTION, handle=release.handle, metrics=metrics),
            parked_consumer(bus, subscription=SUBSCRIPTION, handle=release.handle, metrics=metrics),
        )
        for consumer in both:
            await consumer.start()
            started.append(consumer)
        return both

    yield start
    for consumer in started:
        await consumer.stop()


async def add_parked_stream(bus: Bus) -> None:
    await bus.js.add_stream(name="PARKED", subjects=["parked.>"])


def is_old(item: Received) -> bool:
    return item.subject == "things.old"


async def test_more_than_the_server_lets_wait_stop_nothing_and_run_when_the_newer_release_is_back(
    bus: Bus, run: Run, eventually: Any
) -> None:
    await add_parked_stream(bus)
    newer = {await bus.publish("things.new", b"%d" % n, headers={"X-N": str(n)}) for n in range(3 * ROOM)}
    await bus.publish("things.old", b"known")
    old = Release(reads=is_old)
    consumers = await run(old)
    await eventually(lambda: [item.data for item in old.handled] == [b"known"])
    for consumer in consumers:
        await consumer.stop()
    new = Release(reads=lambda item: True)
    await run(new)
    await eventually(lambda: {item.sequence for item in new.handled} == newer)
    item = new.handled[0]
    assert (item.stream, item.subject) == ("THINGS", "things.new")
    assert item.headers["X-N"] == item.data.decode()
    original = await bus.js.get_msg("THINGS", item.sequence)
    assert original.data == item.data


async def test_a_message_waits_where_it_is_while_there_is_no_place_to_park(
    bus: Bus, run: Run, eventually: Any, metrics: Metrics
) -> None:
    await bus.publish("things.new", b"1")
    release = Release(reads=is_old)
    await run(release)

    def retried() -> float:
        labels = {"durable": "worker", "outcome": "retried"}
        return metrics.registry.get_sample_value("bus_messages_total", labels) or 0.0

    await eventually(lambda: retried() > 6)
    release._reads = lambda item: True
    await eventually(lambda: len(release.handled) == 1)


async def test_a_parked_message_that_its_stream_has_dropped_is_named_and_stops_nothing(
    bus: Bus, run: Run, eventually: Any, metrics: Metrics
) -> None:
    await add_parked_stream(bus)
    gone = await bus.publish("things.new", b"1")
    release = Release(reads=is_old)
    await run(release)

    def parked() -> float:
        labels = {"durable": "worker", "outcome": "parked"}
        return metrics.registry.get_sample_value("bus_messages_total", labels) or 0.0

    await eventually(lambda: parked() == 1)
    await bus.js.delete_msg("THINGS", gone)

    async def settled() -> bool:
        info = await bus.js.consumer_info("PARKED", "worker-parked")
        return (info.num_ack_pending or 0) + (info.num_pending or 0) == 0

    await eventually(settled)
    assert release.handled == []
