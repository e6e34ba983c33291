"""What is noted often is published now and then, counted once, and no caller waits for it."""

import asyncio
from typing import Any, cast

from trigger_runtime.bus.connection import BusUnavailableError, MessageTooLargeError
from trigger_runtime.bus.paced_publisher import MAX_SUBJECTS, PacedPublisher
from trigger_runtime.metrics import Metrics


class Bus:
    """Stores each message id once, as the server does, and confirms where it is not away."""

    def __init__(self) -> None:
        self.stored: dict[str, tuple[str, int]] = {}
        self.error: Exception | None = None
        self.is_lossy = False
        self.attempts: asyncio.Queue[str] = asyncio.Queue()

    async def publish(self, subject: str, data: bytes, *, message_id: str, timeout: float) -> int:
        if self.error is None or self.is_lossy:
            self.stored.setdefault(message_id, (subject, int(data)))
        self.attempts.put_nowait(message_id)
        if self.error is not None:
            raise self.error
        return 1

    def counts(self, subject: str) -> list[int]:
        return [count for one, count in self.stored.values() if one == subject]


class Bench:
    def __init__(self, **given: Any) -> None:
        self.bus = Bus()
        self.metrics = Metrics()
        self.publisher = PacedPublisher[int](
            "failures",
            bus=cast("Any", self.bus),
            encode=lambda count: b"%d" % count,
            merge=lambda earlier, later: earlier + later,
            metrics=self.metrics,
            **{"seconds": 0.001, **given},
        )

    @property
    def dropped(self) -> float | None:
        return self.metrics.registry.get_sample_value(
            "bus_paced_messages_dropped_total", {"publisher": "failures"}
        )


async def test_what_is_noted_within_the_pause_is_one_message_for_each_subject() -> None:
    bench = Bench()
    for _ in range(7):
        bench.publisher.note("a", 1)
    bench.publisher.note("b", 1)
    await bench.publisher.start()
    for _ in range(2):
        await bench.bus.attempts.get()
    bench.publisher.note("a", 1)
    await bench.bus.attempts.get()
    assert bench.bus.counts("a") == [7, 1]
    assert bench.bus.counts("b") == [1]
    await bench.publisher.stop()


async def test_a_message_that_was_stored_and_not_confirmed_is_counted_once() -> None:
    bench = Bench()
    bench.bus.error, bench.bus.is_lossy = BusUnavailableError("no reply"), True
    bench.publisher.note("a", 3)
    await bench.publisher.start()
    await bench.bus.attempts.get()
    bench.publisher.note("a", 1)
    bench.bus.error = None
    while bench.bus.counts("a") != [3, 1]:
        await bench.bus.attempts.get()
    assert bench.dropped == 0
    await bench.publisher.stop()


async def test_what_the_bus_never_takes_is_dropped_and_counted_and_the_next_is_published() -> None:
    bench = Bench(keep_trying_seconds=8.0)
    bench.bus.error = BusUnavailableError("away")
    bench.publisher.note("a", 3)
    await bench.publisher.start()
    ids = {await bench.bus.attempts.get() for _ in range(3)}
    assert len(ids) == 1, "every attempt has the same id"
    bench.publisher.note("a", 5)
    while await bench.bus.attempts.get() in ids:
        pass
    assert bench.dropped == 1
    bench.bus.error = None
    while bench.bus.counts("a") != [5]:
        await bench.bus.attempts.get()
    await bench.publisher.stop()


async def test_a_message_that_is_too_large_holds_up_no_other() -> None:
    bench = Bench()
    bench.bus.error = MessageTooLargeError("too large")
    bench.publisher.note("a", 1)
    await bench.publisher.start()
    await bench.bus.attempts.get()
    bench.bus.error = None
    bench.publisher.note("b", 1)
    await bench.bus.attempts.get()
    assert bench.bus.counts("b") == [1]
    assert bench.dropped == 1
    await bench.publisher.stop()


async def test_what_waits_is_published_when_the_process_stops() -> None:
    bench = Bench(seconds=3600.0)
    bench.publisher.note("a", 1)
    await bench.publisher.start()
    await bench.bus.attempts.get()
    bench.publisher.note("a", 2)
    bench.publisher.note("b", 1)
    await bench.publisher.stop()
    assert bench.bus.counts("a") == [1, 2]
    assert bench.bus.counts("b") == [1]
    assert bench.dropped == 0


async def test_a_stop_while_the_bus_is_away_tries_once_and_counts_what_is_lost() -> None:
    bench = Bench(seconds=3600.0)
    bench.bus.error = BusUnavailableError("away")
    bench.publisher.note("a", 1)
    await bench.publisher.start()
    await bench.bus.attempts.get()
    bench.publisher.note("b", 1)
    await bench.publisher.stop()
    assert bench.bus.attempts.qsize() == 1
    assert bench.dropped == 2


async def test_subjects_that_wait_are_bounded() -> None:
    bench = Bench()
    for number in range(MAX_SUBJECTS + 5):
        bench.publisher.note(f"s{number}", 1)
    bench.publisher.note("s0", 1)
    assert bench.dropped == 5
