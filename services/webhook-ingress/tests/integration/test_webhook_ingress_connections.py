"""What happens on one connection: order, pipelining, 100-continue, half-closed and stopping ones."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from embedded_stack.servers.nats import NatsServer
from trigger_contracts.config import HttpMethod, WebhookConfig

pytestmark = pytest.mark.integration


def request(trigger_id: Any, *lines: bytes, body: bytes = b"", method: bytes = b"POST") -> bytes:
    head = [b"%s /api/webhooks/%s HTTP/1.1" % (method, str(trigger_id).encode()), b"Host: x", *lines]
    return b"\r\n".join([*head, b"Content-Length: %d" % len(body)]) + b"\r\n\r\n" + body


@asynccontextmanager
async def connected(ingress: Any) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", ingress.settings.http_port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def response(reader: asyncio.StreamReader, *, is_head: bool = False) -> tuple[int, bytes, bytes]:
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)
    length = re.search(rb"(?i)content-length: (\d+)", head)
    size = 0 if is_head or length is None else int(length.group(1))
    return int(head.split(b" ")[1]), head, await reader.readexactly(size)


async def test_pipelined_requests_get_their_responses_in_order(ingress: Any) -> None:
    trigger_id = await ingress.serving()
    sent = [
        request(trigger_id, body=b"first"),
        request("nobody"),
        request(trigger_id, body=b"second"),
        request(trigger_id, method=b"PUT"),
    ]
    async with connected(ingress) as (reader, writer):
        writer.write(b"".join(sent * 50))
        statuses = [(await response(reader))[0] for _ in range(200)]
    assert statuses == [202, 404, 202, 405] * 50
    bodies = [delivery.body for delivery in await ingress.accepted()]
    assert bodies == [b"first", b"second"] * 50


async def test_many_pipelined_requests_wait_outside(ingress: Any) -> None:
    """What no response has gone out for is not read beyond a bound, and all of it is served in the end."""
    trigger_id = await ingress.serving()
    one = request(trigger_id, body=b"x" * 1000)
    async with connected(ingress) as (reader, writer):
        writer.write(one * 500)
        statuses = [(await response(reader))[0] for _ in range(500)]
    assert statuses == [202] * 500


async def test_a_malformed_request_behind_a_good_one_ends_the_connection(ingress: Any) -> None:
    trigger_id = await ingress.serving()
    async with connected(ingress) as (reader, writer):
        writer.write(request(trigger_id) + b"nonsense\r\n\r\n" + request(trigger_id))
        assert (await response(reader))[0] == 202
        status, head, _ = await response(reader)
        assert (status, b"Connection: close" in head) == (400, True)
        writer.write_eof()
        assert await asyncio.wait_for(reader.read(), 20) == b""
    assert len(await ingress.accepted()) == 1


async def test_the_body_is_asked_for_only_where_it_is_wanted(ingress: Any) -> None:
    trigger_id = await ingress.serving()
    ask = [b"Expect: 100-continue"]
    async with connected(ingress) as (reader, writer):
        head, _, _ = request(trigger_id, *ask, body=b"later").rpartition(b"later")
        writer.write(head)
        assert await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20) == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"later")
        assert (await response(reader))[0] == 202
    async with connected(ingress) as (reader, writer):
        head, _, _ = request("nobody", *ask, body=b"later").rpartition(b"later")
        writer.write(head)
        # Whether the body comes after all cannot be known, so no other request may follow.
        status, head, _ = await response(reader)
        assert (status, b"Connection: close" in head) == (404, True)


async def test_a_body_that_no_one_reads_does_not_cost_the_connection(ingress: Any) -> None:
    trigger_id = await ingress.serving()
    unread = request("nobody", body=b"x" * 300_000)
    async with connected(ingress) as (reader, writer):
        writer.write(unread[:1000])
        assert (await response(reader))[0] == 404
        writer.write(unread[1000:] + request(trigger_id, body=b"next"))
        assert (await response(reader))[0] == 202
    assert [delivery.body for delivery in await ingress.accepted()] == [b"next"]


async def test_a_head_has_no_body(ingress: Any) -> None:
    trigger_id = await ingress.serving(WebhookConfig(method=HttpMethod.POST))
    async with connected(ingress) as (reader, writer):
        writer.write(request(trigger_id, method=b"HEAD") + request(trigger_id))
        status, head, _ = await response(reader, is_head=True)
        assert (status, b"Content-Length: 0" in head) == (405, False)
        assert (await response(reader))[0] == 202


async def test_a_caller_who_has_said_all_still_gets_the_response(ingress: Any) -> None:
    trigger_id = await ingress.serving()
    async with connected(ingress) as (reader, writer):
        writer.write(request(trigger_id, body=b"last words"))
        writer.write_eof()
        assert (await response(reader))[0] == 202
        assert await asyncio.wait_for(reader.read(), 20) == b""


async def test_probes_may_share_a_connection_with_webhooks(ingress: Any) -> None:
    trigger_id = await ingress.serving()
    async with connected(ingress) as (reader, writer):
        writer.write(request(trigger_id) + b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await response(reader))[0] == 202
        status, head, body = await response(reader)
        assert (status, body, b"connection: close" in head.lower()) == (200, b"ok", True)
        assert await asyncio.wait_for(reader.read(), 20) == b""


async def test_a_caller_who_does_not_read_is_not_served_on(nats_server: NatsServer, new_ingress: Any) -> None:
    ingress = await new_ingress(nats_server, head_seconds=0.5)
    await ingress.ready()
    trigger_id = await ingress.serving()
    async with connected(ingress) as (_, writer):
        many = request(trigger_id, method=b"PUT") * 1000
        with pytest.raises((ConnectionError, TimeoutError)):
            async with asyncio.timeout(20):
                while True:
                    writer.write(many)
                    await writer.drain()
    assert (await ingress.send(trigger_id)).status == 202


async def test_stopping_ends_idle_connections_and_answers_the_others(ingress: Any) -> None:
    trigger_id = await ingress.serving()
    async with connected(ingress) as (idle, _), connected(ingress) as (busy, writer):
        head, _, body = request(trigger_id, body=b"on its way").partition(b"\r\n\r\n")
        writer.write(head + b"\r\n\r\n" + body[:3])
        # A round trip after it, so that it has been read.
        assert (await ingress.send(trigger_id, data=b"other")).status == 202
        stopping = asyncio.create_task(ingress.service.stop())
        assert await asyncio.wait_for(idle.read(), 20) == b""
        assert not stopping.done()
        writer.write(body[3:])
        status, response_head, _ = await response(busy)
        assert (status, b"Connection: close" in response_head) == (202, True)
        assert await asyncio.wait_for(busy.read(), 20) == b""
        await stopping
    assert b"on its way" in {delivery.body for delivery in await ingress.accepted()}
