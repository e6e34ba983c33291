"""The gateway against clients that take their time: they are cut off, and nobody else is."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import web

from embedded_stack.ports import free_port
from embedded_stack.servers import Gateway, running

pytestmark = pytest.mark.integration

HEAD_SECONDS, BODY_SECONDS = 0.3, 0.6


async def size_of(request: web.Request) -> int:
    try:
        return len(await request.read())
    except ConnectionResetError:
        return -1  # The gateway gave up, as it should.


async def answer(request: web.Request) -> web.StreamResponse:
    """Events for longer than any of the limits, or how many bytes came."""
    if request.path != "/api/executions/stream":
        return web.json_response({"bytes": await size_of(request)})
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    for number in range(4):
        await response.write(b"data: %d\n\n" % number)
        await asyncio.sleep(BODY_SECONDS / 2)
    return response


@pytest_asyncio.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Gateway]:
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", answer)
    upstream = web.AppRunner(app)
    await upstream.setup()
    port = free_port()
    await web.TCPSite(upstream, "127.0.0.1", port).start()
    address = f"127.0.0.1:{port}"
    impatient = Gateway(
        directory=tmp_path / "gateway",
        trigger_api=address,
        webhook_ingress=address,
        execution_recorder=address,
        temporal_ui=address,
        settings={
            "GATEWAY_READ_HEADER_TIMEOUT": f"{HEAD_SECONDS}s",
            "GATEWAY_READ_BODY_TIMEOUT": f"{BODY_SECONDS}s",
        },
    )
    try:
        async with running(impatient) as started:
            yield started
    finally:
        await upstream.cleanup()


async def converse(gateway: Gateway, *parts: bytes, pause: float = 0.05) -> tuple[bytes, float]:
    """Send the parts one by one, then nothing more; return what came until the end, and its seconds.

    A client that is not cut off fails the test here.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    begun = time.monotonic()

    async def send() -> None:
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(pause)

    sending = asyncio.create_task(send())
    got = b""
    try:
        async with asyncio.timeout(8):
            while part := await reader.read(65536):
                got += part
    except ConnectionResetError:
        pass  # Cut off in the middle of what was still being sent.
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        writer.close()
    return got, time.monotonic() - begun


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param([], id="silence"),
        pytest.param([b"POST /api/webhooks/1 HTTP/1.1\r\nHost: x\r\n"], id="half a head"),
        pytest.param(
            [b"POST /api/webhooks/1 HTTP/1.1\r\nHost: x\r\n", *[b"X-A: b\r\n"] * 200],
            id="a trickle of fields",
        ),
    ],
)
async def test_a_head_that_does_not_come_in_time_ends_the_connection(
    gateway: Gateway, parts: list[bytes]
) -> None:
    got, seconds = await converse(gateway, *parts)
    assert got == b""
    assert HEAD_SECONDS * 0.9 < seconds < 5


@pytest.mark.parametrize("path", [b"/api/webhooks/1", b"/api/triggers", b"/nothing"])
@pytest.mark.parametrize("more", [0, 200], ids=["stops", "trickles"])
@pytest.mark.parametrize(
    ("announced", "first", "drop"),
    [
        (b"Content-Length: 1000", b"x", b"x"),
        (b"Content-Length: 10000000", b"x", b"x"),
        (b"Transfer-Encoding: chunked", b"1\r\nx\r\n", b"1\r\nx\r\n"),
    ],
    ids=["small", "large", "chunked"],
)
async def test_a_body_that_does_not_come_in_time_ends_the_connection(
    gateway: Gateway, path: bytes, more: int, announced: bytes, first: bytes, drop: bytes
) -> None:
    head = b"POST %s HTTP/1.1\r\nHost: x\r\n%s\r\n\r\n" % (path, announced)
    got, seconds = await converse(gateway, head + first, *[drop] * more)
    assert seconds < 5
    status = got.split(b" ", 2)[1]
    assert b"Connection: close" in got
    assert b"Server:" not in got
    if status == b"499":
        # Caddy took it for a client that left: there is a race in it, and no way to word this answer.
        assert got.endswith(b"\r\n\r\n")
    else:
        assert status == (b"404" if path == b"/nothing" else b"408")
        assert b"application/problem+json" in got


async def test_everybody_else_is_served(gateway: Gateway) -> None:
    """Bodies in time, kept connections that pause for longer, and events for longer than either."""
    asked = b"POST /api/webhooks/1 HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n"
    got, _ = await converse(gateway, asked + b"Connection: close\r\n\r\n12", b"3", b"45")
    assert got.split(b" ", 2)[1] == b"200"
    assert got.endswith(b'{"bytes": 5}')

    twice = [asked + b"\r\n12345", asked + b"Connection: close\r\n\r\n12345"]
    got, seconds = await converse(gateway, *twice, pause=BODY_SECONDS * 1.5)
    assert got.count(b'{"bytes": 5}') == 2
    assert seconds > BODY_SECONDS

    events = b"GET /api/executions/stream HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    got, seconds = await converse(gateway, events)
    assert [b"data: %d\n" % number in got for number in range(4)] == [True] * 4
    assert seconds > BODY_SECONDS * 1.5


async def test_a_head_over_the_limit_is_refused(gateway: Gateway) -> None:
    for size, status in [(7_000, b"200"), (100_000, b"431")]:
        head = b"POST /api/webhooks/1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX: %s\r\n\r\n" % (
            b"y" * size
        )
        got, _ = await converse(gateway, head)
        assert got.split(b" ", 2)[1] == status
