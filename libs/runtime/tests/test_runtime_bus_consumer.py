"""Durable consumers on a real server: nothing is lost, nothing is in the way of the rest."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
import structlog
import structlog.testing
from nats.js.errors import NotFoundError

from trigger_runtime.bus.connection import Bus
from trigger_runtime.bus.consumer import Consumer
from trigger_runtime.bus.jetstream_api import Received
from trigger_runtime.bus.subscription import RetryLaterError, Subscription
from trigger_runtime.metrics import Metrics

pytestmark = pytest.mark.integration

Handle = Callable[[Received], Awaitable[None]]
Consume = Callable[..., Awaitable[Consumer]]


class HopelessError(Exception):
    pass


class AwayError(Exception):
    pass


class HopelessAndAwayError(AwayError, HopelessError):
    pass


@pytest.fixture
async def consume(bus: Bus, metrics: Metrics) -> AsyncIterator[Consume]:
    started: list[Consumer] = []

    async def start(handle: Handle, **wanted: Any) -> Consumer:
        subscription = Subscription(
            stream="THINGS",
            durable="worker",
            subjects=["things.>"],
            dead_letter_subject="dead.THINGS.worker",
            dead_letter_on=(HopelessError,),
            **wanted,
        )
        consumer = Consumer(bus, subscription=subscription, handle=handle, metrics=metrics)
        await consumer.start()
        started.append(consumer)
        return consumer

    yield start
    for consumer in started:
        await consumer.stop()


async def unsettled(bus: Bus) -> int:
    try:
        info = await bus.js.consumer_info("THINGS", "worker")
    except NotFoundError:
        return -1
    return int(info.num_ack_pending or 0) + int(info.num_pending or 0)


async def settled(bus: Bus) -> bool:
    return await unsettled(bus) == 0


def outcomes(metrics: Metrics, outcome: str) -> float:
    return (
        metrics.registry.get_sample_value("bus_messages_total", {"durable": "worker", "outcome": outcome})
        or 0.0
    )


async def dead_letters(bus: Bus) -> int:
    return int((await bus.js.stream_info("DEAD")).state.messages)


async def test_what_is_handled_is_acknowledged(
    bus: Bus, consume: Consume, metrics: Metrics, eventually: Any
) -> None:
    seen: list[Received] = []

    async def handle(item: Received) -> None:
        seen.append(item)

    first = await bus.publish("things.a", b"1", headers={"X-A": "ä"})
    consumer = await consume(handle)
    assert consumer.check() == "not consuming yet"
    await eventually(lambda: seen)
    await eventually(lambda: settled(bus))
    item = seen[0]
    assert (item.subject, item.data, item.stream, item.sequence) == ("things.a", b"1", "THINGS", first)
    assert (item.attempt, item.pending, item.headers["X-A"]) == (1, 0, "ä")
    assert item.stored_at.tzinfo is not None
    assert consumer.check() is None
    assert outcomes(metrics, "done") == 1
    assert len(seen) == 1


async def test_a_lone_message_is_handled_at_once(bus: Bus, consume: Consume, eventually: Any) -> None:
    arrived: asyncio.Queue[float] = asyncio.Queue()

    async def handle(_item: Received) -> None:
        arrived.put_nowait(time.perf_counter())

    consumer = await consume(handle)
    await eventually(lambda: consumer.check() is None)
    delays = []
    for _ in range(10):
        sent = time.perf_counter()
        await bus.publish("things.a", b"1")
        delays.append(await asyncio.wait_for(arrived.get(), 5) - sent)
    assert sorted(delays)[5] < 0.25, delays


async def test_retry_later_goes_on_for_ever_and_is_no_defect(
    bus: Bus, consume: Consume, metrics: Metrics, eventually: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trigger_runtime.backoff.delay", lambda attempt, **_: 0.01)
    attempts: list[int] = []

    async def handle(item: Received) -> None:
        attempts.append(item.attempt)
        if item.attempt <= 12:
            raise RetryLaterError("database away")
        if item.attempt == 13:
            raise KeyError("one defect after a long outage")

    await bus.publish("things.a", b"1")
    await consume(handle, max_attempts=3)
    await eventually(lambda: attempts and attempts[-1] == 14)
    await eventually(lambda: settled(bus))
    assert attempts == list(range(1, 15))
    assert await dead_letters(bus) == 0
    assert outcomes(metrics, "retried") == 13


async def test_errors_that_mean_later_are_tried_again_for_ever(
    bus: Bus, consume: Consume, metrics: Metrics, eventually: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trigger_runtime.backoff.delay", lambda attempt, **_: 0.01)
    attempts: list[int] = []

    async def handle(item: Received) -> None:
        attempts.append(item.attempt)
        if item.attempt <= 12:
            raise (AwayError, HopelessAndAwayError)[item.attempt % 2]("not now")

    await bus.publish("things.a", b"1")
    await consume(handle, max_attempts=3, retry_on=(AwayError,))
    await eventually(lambda: settled(bus))
    assert attempts == list(range(1, 14))
    assert await dead_letters(bus) == 0
    assert outcomes(metrics, "retried") == 12


async def test_many_that_are_parked_leave_room_for_the_rest(
    bus: Bus, consume: Consume, eventually: Any
) -> None:
    parked, done = set[bytes](), set[bytes]()

    async def handle(item: Received) -> None:
        if item.subject == "things.parked":
            parked.add(item.data)
            raise AwayError("of a newer version")
        done.add(item.data)

    for number in range(300):
        await bus.publish("things.parked", b"%d" % number)
    await consume(handle, concurrency=4, retry_on=(AwayError,))
    await eventually(lambda: len(parked) == 300)
    await bus.publish("things.a", b"known")
    await eventually(lambda: done == {b"known"})
    assert await unsettled(bus) == 300


async def test_a_defect_is_dead_lettered_after_every_attempt_and_the_rest_goes_on(
    bus: Bus, consume: Consume, metrics: Metrics, eventually: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trigger_runtime.backoff.delay", lambda attempt, **_: 0.01)
    seen: Counter[bytes] = Counter()

    async def handle(item: Received) -> None:
        seen[item.data] += 1
        if item.data == b"poison":
            raise TypeError("line one\nline two: no secret in here")

    sequence = await bus.publish("things.a", b"poison", headers={"X-A": "1", "Nats-Msg-Id": "m"})
    for _ in range(5):
        await bus.publish("things.b", b"good")
    await consume(handle, max_attempts=3)
    await eventually(lambda: settled(bus))
    assert seen == {b"poison": 3, b"good": 5}
    letter = await bus.js.get_last_msg("DEAD", "dead.THINGS.worker")
    assert letter.data == b"poison"
    assert letter.headers is not None
    assert letter.headers["Dead-Reason"] == "TypeError after every attempt"
    assert letter.headers["Dead-Subject"] == "things.a"
    assert letter.headers["Dead-Sequence"] == str(sequence)
    assert letter.headers["Dead-Attempts"] == "3"
    assert letter.headers["X-A"] == "1"
    assert letter.headers["Nats-Msg-Id"] == f"THINGS:worker:{sequence}"
    assert await dead_letters(bus) == 1
    assert outcomes(metrics, "dead") == 1


async def test_what_is_hopeless_is_dead_lettered_at_once(bus: Bus, consume: Consume, eventually: Any) -> None:
    seen: list[int] = []

    async def handle(item: Received) -> None:
        seen.append(item.attempt)
        raise HopelessError("not\r\na message")

    await bus.publish("things.a", b"1")
    await consume(handle)
    await eventually(lambda: dead_letters(bus))
    await eventually(lambda: settled(bus))
    assert seen == [1]
    letter = await bus.js.get_last_msg("DEAD", "dead.THINGS.worker")
    assert (letter.headers or {})["Dead-Reason"] == "HopelessError: not a message"


async def test_a_dead_letter_that_cannot_be_stored_keeps_the_message(
    bus: Bus, consume: Consume, eventually: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trigger_runtime.backoff.delay", lambda attempt, **_: 0.02)
    config = (await bus.js.stream_info("DEAD")).config
    await bus.js.delete_stream("DEAD")
    seen: list[int] = []

    async def handle(item: Received) -> None:
        seen.append(item.attempt)
        raise HopelessError

    await bus.publish("things.a", b"1")
    await consume(handle)
    await eventually(lambda: len(seen) > 3)
    assert await unsettled(bus) == 1
    await bus.js.add_stream(config)
    await eventually(lambda: settled(bus))
    assert await dead_letters(bus) == 1


async def test_full_dead_letters_leave_the_message_in_its_stream_and_the_rest_goes_on(
    bus: Bus, consume: Consume, metrics: Metrics, eventually: Any
) -> None:
    done: list[bytes] = []

    async def handle(item: Received) -> None:
        if item.data == b"poison":
            raise HopelessError
        done.append(item.data)

    await bus.js.update_stream((await bus.js.stream_info("DEAD")).config.evolve(max_msgs=2, discard="new"))
    sequences = [await bus.publish("things.a", b"poison") for _ in range(5)]
    await bus.publish("things.a", b"good")
    await consume(handle)
    await eventually(lambda: settled(bus))
    assert done == [b"good"]
    assert await dead_letters(bus) == outcomes(metrics, "dead") == 2
    assert outcomes(metrics, "dead_not_stored") == 3
    assert (await bus.js.get_msg("THINGS", sequences[-1])).data == b"poison"


async def test_a_durable_that_gives_up_on_everything_leaves_room_for_the_letters_of_others(
    bus: Bus, consume: Consume, metrics: Metrics, eventually: Any
) -> None:
    async def handle(item: Received) -> None:
        raise HopelessError

    config = (await bus.js.stream_info("DEAD")).config
    share = config.evolve(max_msgs_per_subject=2, discard="new", discard_new_per_subject=True)
    await bus.js.update_stream(share)
    for _ in range(5):
        await bus.publish("things.a", b"poison")
    await consume(handle)
    await eventually(lambda: settled(bus))
    assert await dead_letters(bus) == outcomes(metrics, "dead") == 2
    assert outcomes(metrics, "dead_not_stored") == 3
    await bus.publish("dead.THINGS.other", b"of another durable")
    assert await dead_letters(bus) == 3


async def test_what_is_refused_is_recorded_apart_and_logged_now_and_then(
    bus: Bus, consume: Consume, metrics: Metrics, eventually: Any
) -> None:
    async def handle(_item: Received) -> None:
        raise HopelessAndAwayError("not ours")

    with structlog.testing.capture_logs() as lines:
        for number in range(20):
            await bus.publish("things.a", b"%d" % number)
        # Of both tuples: refused wins, as it keeps the dead letters free.
        await consume(handle, refuse_on=(AwayError,), refused_subject="dead.refused")
        await eventually(lambda: settled(bus))
    record = await bus.js.get_last_msg("DEAD", "dead.refused")
    assert (record.headers or {})["Dead-Reason"] == "HopelessAndAwayError: not ours"
    assert outcomes(metrics, "refused") == 20
    logged = [line for line in lines if line["event"] == "message refused"]
    assert 1 <= len(logged) < 20
    with pytest.raises(NotFoundError):
        await bus.js.get_last_msg("DEAD", "dead.THINGS.worker")


async def test_what_waits_is_counted_and_a_standstill_is_logged(
    bus: Bus, consume: Consume, metrics: Metrics, eventually: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trigger_runtime.bus.backlog._SECONDS", 0.1)
    monkeypatch.setattr("trigger_runtime.bus.consumer._MIN_ACK_PENDING", 8)

    async def handle(_item: Received) -> None:
        raise AwayError

    for number in range(20):
        await bus.publish("things.a", b"%d" % number)
    with structlog.testing.capture_logs() as lines:
        await consume(handle, concurrency=2, retry_on=(AwayError,))
        await eventually(lambda: any("newer ones are not delivered" in line["event"] for line in lines))
    value = metrics.registry.get_sample_value
    assert value("bus_messages_unsettled", {"durable": "worker"}) == 8
    assert value("bus_messages_pending", {"durable": "worker"}) == 12


async def test_a_dead_letter_over_the_limit_leaves_its_data_in_the_stream(
    bus: Bus, consume: Consume, eventually: Any
) -> None:
    async def handle(_item: Received) -> None:
        raise HopelessError("x" * 1000)

    sequence = await bus.publish("things.a", b"x" * bus.max_payload, timeout=10)
    await consume(handle)
    await eventually(lambda: dead_letters(bus))
    await eventually(lambda: settled(bus))
    letter = await bus.js.get_last_msg("DEAD", "dead.THINGS.worker")
    assert not letter.data
    assert (letter.headers or {})["Dead-Data-Left-In"] == "THINGS"
    assert (letter.headers or {})["Dead-Sequence"] == str(sequence)


async def send_raw(nats: Any, command: bytes) -> None:
    """Send a command of NATS' protocol, and wait until the server has processed it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", nats.program.port)
    url = urlsplit(nats.url)
    options = {"user": url.username, "pass": url.password, "headers": True, "verbose": False}
    writer.write(b"CONNECT %s\r\n%sPING\r\n" % (json.dumps(options).encode(), command))
    async with asyncio.timeout(10):
        while await reader.readline() != b"PONG\r\n":
            pass
    writer.close()
    await writer.wait_closed()


async def test_a_strangers_headers_are_neither_control_nor_an_obstacle(
    bus: Bus, consume: Consume, nats: Any, eventually: Any
) -> None:
    seen: list[bytes] = []

    async def handle(item: Received) -> None:
        seen.append(item.data)
        raise HopelessError

    await bus.publish("things.a", b"1", headers={"Status": "409", "Description": "Consumer Deleted"})
    await bus.publish("things.a", b"2", headers={"Status": "408"})
    # A name that this client library would not send, from one that does.
    headers = b"NATS/1.0\r\nbad(name): 1\r\nX-Good: 2\r\n\r\n"
    raw = b"HPUB things.a %d %d\r\n%s3\r\n" % (len(headers), len(headers) + 1, headers)
    await send_raw(nats, raw)
    await consume(handle)
    await eventually(lambda: settled(bus))
    assert sorted(seen) == [b"1", b"2", b"3"]
    assert await dead_letters(bus) == 3


async def test_slow_work_is_not_delivered_again(bus: Bus, consume: Consume, eventually: Any) -> None:
    """Neither what a handler works on nor what waits behind it, with all hands busy."""
    seen: Counter[int] = Counter()
    release = asyncio.Event()

    async def handle(item: Received) -> None:
        seen[item.sequence] += 1
        await release.wait()

    for _ in range(10):
        await bus.publish("things.a", b"1")
    await consume(handle, ack_wait_seconds=1.0, concurrency=4)
    begun = time.monotonic()
    await eventually(lambda: len(seen) == 4)
    await eventually(lambda: time.monotonic() - begun > 2.6)
    assert set(seen.values()) == {1}
    info = await bus.js.consumer_info("THINGS", "worker")
    assert (info.num_ack_pending, info.num_redelivered) == (4, 0), "what nobody works on stays in the stream"
    release.set()
    await eventually(lambda: settled(bus))
    assert seen == dict.fromkeys(range(1, 11), 1)


async def test_no_more_than_concurrency_at_once_also_after_an_interruption(
    bus: Bus, consume: Consume, eventually: Any
) -> None:
    running, most = 0, 0
    release = asyncio.Event()

    async def handle(item: Received) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await release.wait()
        await asyncio.sleep(0.01 * (item.sequence % 3))  # so that room comes one by one
        running -= 1

    for _ in range(20):
        await bus.publish("things.a", b"1")
    consumer = await consume(handle, concurrency=3)
    await eventually(lambda: running == 3)
    await bus.js.delete_consumer("THINGS", "worker")
    release.set()
    await eventually(lambda: consumer.check() is None)
    await eventually(lambda: settled(bus))
    assert most == 3


async def test_a_consumer_that_an_operator_deleted_is_made_again(
    bus: Bus, consume: Consume, eventually: Any
) -> None:
    seen: list[bytes] = []

    async def handle(item: Received) -> None:
        seen.append(item.data)

    consumer = await consume(handle)
    await eventually(lambda: consumer.check() is None)
    await bus.js.delete_consumer("THINGS", "worker")
    await bus.publish("things.a", b"after")
    await eventually(lambda: seen == [b"after"])


async def test_a_stream_that_does_not_exist_yet_is_waited_for(
    bus: Bus, consume: Consume, eventually: Any
) -> None:
    seen: list[bytes] = []

    async def handle(item: Received) -> None:
        seen.append(item.data)

    config = (await bus.js.stream_info("THINGS")).config
    await bus.js.delete_stream("THINGS")
    consumer = await consume(handle)
    await asyncio.sleep(0.3)
    assert consumer.check() == "not consuming yet"
    await bus.js.add_stream(config)
    await bus.publish("things.a", b"1")
    await eventually(lambda: seen)


async def test_nothing_is_lost_when_the_server_is_killed_in_the_middle(
    bus: Bus, consume: Consume, nats: Any, eventually: Any
) -> None:
    seen: Counter[bytes] = Counter()

    async def handle(item: Received) -> None:
        await asyncio.sleep(0.005)
        seen[item.data] += 1

    wanted = {str(number).encode() for number in range(300)}
    for data in wanted:
        await bus.publish("things.a", data)
    consumer = await consume(handle, concurrency=8, ack_wait_seconds=2.0)
    await eventually(lambda: len(seen) > 50)
    nats.kill()
    await eventually(lambda: consumer.check() is not None)
    await nats.start()
    await eventually(lambda: set(seen) == wanted)
    await eventually(lambda: settled(bus))
    assert consumer.check() is None


async def test_work_that_outlives_an_outage_is_not_begun_twice(
    bus: Bus, consume: Consume, nats: Any, eventually: Any
) -> None:
    begun: list[int] = []
    release = asyncio.Event()

    async def handle(item: Received) -> None:
        begun.append(item.sequence)
        await release.wait()

    await bus.publish("things.a", b"1")
    consumer = await consume(handle, ack_wait_seconds=1.0)
    await eventually(lambda: begun)
    nats.kill()
    down = time.monotonic()
    await eventually(lambda: time.monotonic() - down > 1.2)
    await nats.start()
    await eventually(lambda: consumer.check() is None)

    async def redelivered() -> bool:
        return bool((await bus.js.consumer_info("THINGS", "worker")).num_redelivered)

    await eventually(redelivered)
    release.set()
    await eventually(lambda: settled(bus))
    assert begun == [1]


async def test_stop_finishes_what_is_under_way_and_takes_nothing_new(
    bus: Bus, consume: Consume, eventually: Any
) -> None:
    begun: list[int] = []
    ended: list[int] = []
    release = asyncio.Event()

    async def handle(item: Received) -> None:
        begun.append(item.sequence)
        await release.wait()
        ended.append(item.sequence)

    for _ in range(6):
        await bus.publish("things.a", b"1")
    consumer = await consume(handle, concurrency=4, ack_wait_seconds=1.0)
    await eventually(lambda: len(begun) == 4)
    stopping = asyncio.create_task(consumer.stop())
    await asyncio.sleep(1.5)
    assert not stopping.done()
    await bus.publish("things.a", b"1")
    release.set()
    await asyncio.wait_for(stopping, 5)
    assert sorted(ended) == sorted(begun) == [1, 2, 3, 4]
    await bus.client.flush()
    info = await bus.js.consumer_info("THINGS", "worker")
    assert (info.num_ack_pending, info.num_pending, info.num_redelivered) == (0, 3, 0)
    assert consumer.check() == "not consuming yet"
    await consumer.stop()


async def test_a_stop_that_runs_out_of_time_leaves_the_message_to_others(
    bus: Bus, consume: Consume, eventually: Any
) -> None:
    begun: list[int] = []
    cancelled: list[int] = []

    async def stuck(item: Received) -> None:
        begun.append(item.sequence)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(item.sequence)
            raise

    await bus.publish("things.a", b"1")
    consumer = await consume(stuck, ack_wait_seconds=1.0)
    await eventually(lambda: begun)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await consumer.stop()
    assert cancelled == [1]

    seen: list[int] = []

    async def handle(item: Received) -> None:
        seen.append(item.attempt)

    await consume(handle, ack_wait_seconds=1.0)
    await eventually(lambda: seen == [2])


async def test_two_processes_share_the_work(
    bus: Bus, consume: Consume, nats: Any, metrics: Metrics, eventually: Any
) -> None:
    seen: Counter[int] = Counter()
    who: Counter[str] = Counter()

    def worker(name: str) -> Handle:
        async def handle(item: Received) -> None:
            await asyncio.sleep(0.002)
            seen[item.sequence] += 1
            who[name] += 1

        return handle

    one = await consume(worker("one"), concurrency=4)
    two = await consume(worker("two"), concurrency=4)
    await eventually(lambda: one.check() is None and two.check() is None)
    for _ in range(200):
        await bus.publish("things.a", b"1")
    await eventually(lambda: settled(bus))
    assert seen == dict.fromkeys(range(1, 201), 1)
    assert set(who) == {"one", "two"}


async def test_only_its_own_subjects(bus: Bus, metrics: Metrics, eventually: Any) -> None:
    seen: list[str] = []

    async def handle(item: Received) -> None:
        seen.append(item.subject)

    subscription = Subscription(
        stream="THINGS",
        durable="picky",
        subjects=["things.a", "things.b.*"],
        dead_letter_subject="dead.THINGS.picky",
    )
    consumer = Consumer(bus, subscription=subscription, handle=handle, metrics=metrics)
    for subject in ("things.c", "things.a", "things.b", "things.b.1"):
        await bus.publish(subject, b"1")
    await consumer.start()
    await eventually(lambda: len(seen) == 2)
    assert sorted(seen) == ["things.a", "things.b.1"]
    await consumer.stop()


async def test_a_consumer_that_never_started_stops(bus: Bus, metrics: Metrics) -> None:
    subscription = Subscription(stream="T", durable="d", subjects=["t"], dead_letter_subject="dead.T.d")

    async def handle(_item: Received) -> None:
        raise AssertionError

    await Consumer(bus, subscription=subscription, handle=handle, metrics=metrics).stop()
