"""Request and reply: shared, bounded, found again after every loss, and never an answer made up."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from structlog.testing import capture_logs

from trigger_runtime.bus.connection import Bus, BusUnavailableError, MessageTooLargeError
from trigger_runtime.bus.request_reply import Responder, send_request

pytestmark = pytest.mark.integration

SUBJECT = "rpc.test.echo"


async def echo(data: bytes) -> bytes:
    return b"echo " + data


@asynccontextmanager
async def answering(
    bus: Bus, *, handle: Callable[[bytes], Awaitable[bytes]] = echo, **how: Any
) -> AsyncIterator[Responder]:
    responder = Responder(bus, subject=SUBJECT, queue="test", handle=handle, **how)
    await responder.start()
    try:
        # What the same connection sends from here on reaches the server after the subscription.
        await until(lambda: responder.check() is None)
        yield responder
    finally:
        await asyncio.wait_for(responder.stop(), 10)


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while True:
            if true():
                return
            await asyncio.sleep(0.005)


async def answered(bus: Bus, data: bytes = b"x") -> bool:
    try:
        return await send_request(bus, subject=SUBJECT, data=data, timeout=1) == b"echo " + data
    except BusUnavailableError:
        return False


async def test_an_answer(bus: Bus) -> None:
    async with answering(bus) as responder:
        assert await send_request(bus, subject=SUBJECT, data=b"", timeout=5) == b"echo "
        assert await send_request(bus, subject=SUBJECT, data=b"\x00\xff", timeout=5) == b"echo \x00\xff"
        assert len(responder.tasks()) == 1
        assert not responder.tasks()[0].done()


async def test_replicas_share_the_requests_and_each_is_answered_once(bus: Bus, nats: Any) -> None:
    other = Bus(url=nats.url, client_name="other")
    await other.start()
    await asyncio.wait_for(other.ready(), 10)
    seen: dict[str, list[bytes]] = {"one": [], "two": []}

    def noting(name: str) -> Callable[[bytes], Awaitable[bytes]]:
        async def handle(data: bytes) -> bytes:
            seen[name].append(data)
            return await echo(data)

        return handle

    async with answering(bus, handle=noting("one")), answering(other, handle=noting("two")):
        await other.client.flush()
        for number in range(100):
            assert await answered(bus, b"%d" % number)
    assert all(seen.values())
    assert sorted(seen["one"] + seen["two"]) == sorted(b"%d" % number for number in range(100))
    await other.stop()


async def test_a_subject_without_responders_is_reported_at_once(
    bus: Bus, waiting_futures: Callable[[], int]
) -> None:
    begun = time.monotonic()
    before = waiting_futures()
    for _ in range(50):
        with pytest.raises(BusUnavailableError, match="no responders"):
            await send_request(bus, subject=SUBJECT, data=b"x", timeout=30)
    assert time.monotonic() - begun < 5
    assert waiting_futures() < before + 25


@pytest.mark.parametrize(
    ("error", "event"),
    [
        (KeyError("a defect"), "request failed"),
        (OSError("away"), "request not served"),
        (asyncio.CancelledError(), "request not served"),
    ],
)
async def test_a_handler_that_fails_leaves_its_asker_alone_and_the_next_is_answered(
    bus: Bus, error: BaseException, event: str
) -> None:
    async def handle(data: bytes) -> bytes:
        if data == b"bad":
            raise error
        return await echo(data)

    with capture_logs() as logs:
        async with answering(bus, handle=handle):
            with pytest.raises(BusUnavailableError):
                await send_request(bus, subject=SUBJECT, data=b"bad", timeout=0.3)
            assert await answered(bus)
    assert [entry["event"] for entry in logs if "subject" in entry] == [event]


async def test_no_more_than_so_many_are_handled_at_a_time(bus: Bus) -> None:
    running: list[bytes] = []
    most, go_on = 0, asyncio.Event()

    async def handle(data: bytes) -> bytes:
        nonlocal most
        running.append(data)
        most = max(most, len(running))
        await go_on.wait()
        running.remove(data)
        return await echo(data)

    async with answering(bus, handle=handle, concurrency=3) as responder:
        asking = [asyncio.create_task(answered(bus, b"%d" % number)) for number in range(10)]
        await until(lambda: responder.in_flight() == 10 and len(running) == 3)
        go_on.set()
        assert all(await asyncio.gather(*asking))
    assert most == 3


async def test_what_nobody_waits_for_any_more_is_not_done(bus: Bus) -> None:
    done: list[bytes] = []

    async def handle(data: bytes) -> bytes:
        await asyncio.sleep(0 if data == b"fine" else 3600)
        done.append(data)
        return await echo(data)

    async with answering(bus, handle=handle, concurrency=1, seconds=0.2) as responder:
        asking = [asyncio.create_task(answered(bus, text)) for text in (b"stuck", b"fine")]
        await until(lambda: responder.in_flight() == 2)
        assert await asyncio.gather(*asking) == [False, False]
        assert await answered(bus, b"fine")
    assert done == [b"fine"]


async def test_a_flood_is_dropped_beyond_a_bound(bus: Bus) -> None:
    go_on = asyncio.Event()

    async def handle(data: bytes) -> bytes:
        await go_on.wait()
        return await echo(data)

    async with answering(bus, handle=handle, concurrency=1, max_in_flight=2):
        with capture_logs() as logs:
            asking = [asyncio.create_task(answered(bus)) for _ in range(5)]
            await until(lambda: [entry["event"] for entry in logs].count("request dropped") == 3)
        go_on.set()
        assert sorted(await asyncio.gather(*asking)) == [False, False, False, True, True]
        assert await answered(bus)


async def test_nobody_to_answer_and_an_answer_that_cannot_be_sent(bus: Bus) -> None:
    async def handle(data: bytes) -> bytes:
        return b"x" * (bus.max_payload + 1) if data == b"large" else await echo(data)

    async with answering(bus, handle=handle):
        await bus.client.publish(SUBJECT, b"no reply subject")
        with pytest.raises(BusUnavailableError):
            await send_request(bus, subject=SUBJECT, data=b"large", timeout=0.3)
        assert await answered(bus)


async def test_it_answers_again_when_the_server_is_back(
    bus: Bus, nats: Any, eventually: Any, waiting_futures: Callable[[], int]
) -> None:
    async with answering(bus):
        assert await answered(bus)
        before = waiting_futures()
        nats.kill()
        await eventually(lambda: bus.check() == "connection lost")
        begun = time.monotonic()
        for _ in range(50):
            with pytest.raises(BusUnavailableError):
                await send_request(bus, subject=SUBJECT, data=b"x", timeout=30)
        assert time.monotonic() - begun < 1
        assert waiting_futures() < before + 25, "a refused request must not stay in memory"
        await nats.start()
        await eventually(lambda: answered(bus))


async def test_it_answers_again_when_the_client_is_another_one(bus: Bus, eventually: Any) -> None:
    async with answering(bus) as responder:
        first = bus.client
        # A protocol line over the server's limit, which the library does not check: it closes for good.
        await first.publish("x" * 5000, b"")
        await eventually(lambda: first.is_closed)
        await eventually(lambda: answered(bus))
        assert bus.client is not first
        assert responder.check() is None


async def test_an_answer_that_is_ready_while_the_connection_is_lost_is_not_kept(
    bus: Bus, nats: Any, eventually: Any
) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def handle(data: bytes) -> bytes:
        begun.set()
        await go_on.wait()
        return await echo(data)

    async with answering(bus, handle=handle, seconds=60) as responder:
        asking = asyncio.create_task(send_request(bus, subject=SUBJECT, data=b"x", timeout=60))
        await asyncio.wait_for(begun.wait(), 10)
        nats.kill()
        await eventually(lambda: bus.check() == "connection lost")
        with capture_logs() as logs:
            go_on.set()
            await until(lambda: responder.in_flight() == 0)
        assert [entry["event"] for entry in logs] == ["request not served"]
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await nats.start()
        await eventually(lambda: answered(bus))


async def test_stopping_answers_what_was_taken_and_takes_nothing_more(bus: Bus, eventually: Any) -> None:
    async def no_responders() -> bool:
        try:
            await send_request(bus, subject=SUBJECT, data=b"early", timeout=0.2)
        except BusUnavailableError as error:
            return "no responders" in str(error)
        return False

    go_on = asyncio.Event()

    async def handle(data: bytes) -> bytes:
        await go_on.wait()
        return await echo(data)

    async with answering(bus, handle=handle) as responder:
        asking = asyncio.create_task(answered(bus))
        await until(lambda: responder.in_flight() > 0)
        stopping = asyncio.create_task(responder.stop())
        await eventually(no_responders)
        with pytest.raises(BusUnavailableError, match="no responders"):
            await send_request(bus, subject=SUBJECT, data=b"late", timeout=5)
        assert not stopping.done()
        go_on.set()
        await asyncio.wait_for(stopping, 5)
        assert await asking
        assert responder.check() == "not serving yet"


async def test_it_stops_before_it_started_and_while_the_server_is_away(
    bus: Bus, nats: Any, eventually: Any, subscriptions: Callable[[], Awaitable[list[str]]]
) -> None:
    never = Responder(bus, subject=SUBJECT, queue="test", handle=echo)
    await never.stop()
    assert never.check() == "not serving yet"
    assert never.tasks() == []
    async with answering(bus) as responder:
        nats.kill()
        await until(lambda: bus.check() is not None)
        await asyncio.wait_for(responder.stop(), 1)
    await nats.start()
    await eventually(lambda: bus.check() is None)
    assert SUBJECT not in await subscriptions()


async def test_stopping_is_cut_short_by_a_cancellation(bus: Bus) -> None:
    async def handle(_: bytes) -> bytes:
        await asyncio.sleep(3600)
        return b""

    async with answering(bus, handle=handle, seconds=3600) as responder:
        asking = asyncio.create_task(answered(bus))
        await until(lambda: responder.in_flight() > 0)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await responder.stop()
        assert responder.in_flight() == 0
        assert not await asking


async def test_asking_before_there_is_a_connection() -> None:
    bus = Bus(url="nats://127.0.0.1:1", client_name="test")
    with pytest.raises(BusUnavailableError):
        await send_request(bus, subject=SUBJECT, data=b"x", timeout=1)


async def test_asking_too_much_in_vain_or_not_any_more(bus: Bus) -> None:
    with pytest.raises(MessageTooLargeError):
        await send_request(bus, subject=SUBJECT, data=b"x" * (bus.max_payload + 1), timeout=1)
    with pytest.raises(ValueError, match="cannot be published"):
        await send_request(bus, subject="a b", data=b"x", timeout=1)

    async def handle(_: bytes) -> bytes:
        await asyncio.sleep(3600)
        return b""

    async with answering(bus, handle=handle, seconds=0.5) as responder:
        asking = asyncio.create_task(send_request(bus, subject=SUBJECT, data=b"x", timeout=30))
        await until(lambda: responder.in_flight() > 0)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
