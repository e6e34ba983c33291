"""Bodies that no message should hold: in the object store before the 202, and the message points to them."""

import asyncio
import hashlib
import io
import re
from pathlib import Path
from typing import Any

import pytest

from embedded_stack.servers.nats import NatsServer
from embedded_stack.servers.running import running
from trigger_contracts import streams
from trigger_contracts.deliveries import LargeDeliveryAccepted
from trigger_runtime.bus.connection import Bus, BusUnavailableError

pytestmark = pytest.mark.integration

MIB = 1024 * 1024


async def large(ingress: Any) -> list[LargeDeliveryAccepted]:
    return [m for m in await ingress.messages() if isinstance(m, LargeDeliveryAccepted)]


async def body_of(ingress: Any, message: LargeDeliveryAccepted) -> bytes:
    """Return the object as JetStream's own client reads it."""
    store = await (await ingress.bus()).jetstream().object_store(streams.DELIVERY_BODIES)
    found = await store.get(str(message.claim.key))
    return bytes(found.data)


async def test_a_large_body_is_claimed(nats_server: NatsServer, new_ingress: Any) -> None:
    ingress = await new_ingress(nats_server, max_body_bytes=25 * MIB)
    await ingress.ready()
    trigger_id = await ingress.serving()
    body = hashlib.shake_256(b"body").digest(25 * MIB)
    reply = await ingress.send(trigger_id, data=io.BytesIO(body))
    assert reply.status == 202
    (message,) = await large(ingress)
    sha256 = hashlib.sha256(body).hexdigest()
    assert (message.claim.size, message.claim.sha256, message.delivery.body_sha256) == (
        len(body),
        sha256,
        sha256,
    )
    assert message.delivery.body == b""
    assert str(message.delivery.execution_id) == reply.json["executionId"]
    assert await body_of(ingress, message) == body
    over = await ingress.send(trigger_id, data=io.BytesIO(body + b"x"))
    assert over.status == 413


async def test_only_what_is_over_the_limit_is_claimed(nats_server: NatsServer, new_ingress: Any) -> None:
    ingress = await new_ingress(nats_server, inline_body_bytes=1024)
    await ingress.ready()
    trigger_id = await ingress.serving()
    sizes = [1023, 1024, 1025, 5000]
    replies = await asyncio.gather(*(ingress.send(trigger_id, data=b"x" * size) for size in sizes))
    assert {reply.status for reply in replies} == {202}
    assert sorted(len(delivery.body) for delivery in await ingress.accepted()) == [1023, 1024]
    assert sorted(message.claim.size for message in await large(ingress)) == [1025, 5000]


async def test_a_full_store_is_a_503_and_small_bodies_go_on(ingress: Any) -> None:
    trigger_id = await ingress.serving()
    await ingress.shrink(streams.DELIVERY_BODIES_STREAM, max_bytes=MIB)
    replies = [await ingress.send(trigger_id, data=b"x" * 700_000) for _ in range(3)]
    assert [reply.status for reply in replies] == [202, 503, 503]
    assert replies[1].headers["Retry-After"] == "1"
    assert (await ingress.send(trigger_id, data=b"small")).status == 202
    # What was accepted is still there, and nothing points to what was not.
    (message,) = await large(ingress)
    assert await body_of(ingress, message) == b"x" * 700_000


async def test_without_a_message_nothing_is_promised(ingress: Any, monkeypatch: Any) -> None:
    """The object is stored, the message that points to it is not: 503, and nothing runs."""
    trigger_id = await ingress.serving()
    publish = Bus.publish

    async def refuse(bus: Bus, subject: str, data: bytes, **options: Any) -> int:
        if subject == streams.DELIVERIES_ACCEPTED:
            raise BusUnavailableError("away")
        return await publish(bus, subject, data, **options)

    monkeypatch.setattr(Bus, "publish", refuse)
    reply = await ingress.send(trigger_id, data=b"x" * 700_000)
    assert (reply.status, reply.headers["Retry-After"]) == (503, "1")
    assert await large(ingress) == []


async def test_large_bodies_that_wait_are_bounded(tmp_path: Path, new_ingress: Any, monkeypatch: Any) -> None:
    server = NatsServer(directory=tmp_path / "nats")
    async with running(server):
        ingress = await new_ingress(server, queue_bytes=MIB)
        await ingress.ready()
        trigger_id = await ingress.serving()
        let_go = asyncio.Event()
        publish = Bus.publish

        async def slow(bus: Bus, subject: str, data: bytes, **options: Any) -> int:
            await let_go.wait()
            return await publish(bus, subject, data, **options)

        monkeypatch.setattr(Bus, "publish", slow)
        sent = [asyncio.create_task(ingress.send(trigger_id, data=b"x" * 700_000)) for _ in range(2)]
        (refused,), (waiting,) = await asyncio.wait(sent, return_when=asyncio.FIRST_COMPLETED)
        assert "Too many" in refused.result().json["detail"]
        let_go.set()
        assert (await waiting).status == 202


async def test_slow_senders_of_large_bodies_fill_no_memory(nats_server: NatsServer, new_ingress: Any) -> None:
    ingress = await new_ingress(nats_server, max_body_bytes=4 * MIB, bodies_bytes=4 * MIB, body_seconds=60)
    await ingress.ready()
    trigger_id = await ingress.serving()
    port = ingress.settings.http_port
    head = (
        f"POST /api/webhooks/{trigger_id} HTTP/1.1\r\nHost: x\r\nContent-Length: {3 * MIB}\r\n\r\n".encode()
    )
    reader, first = await asyncio.open_connection("127.0.0.1", port)
    # It holds 3 MiB, all but one byte of its body.
    first.write(head + b"x" * (3 * MIB - 1))
    await first.drain()

    async def is_held() -> bool:
        # Before that the next one may come first, and this one is who finds no room.
        async with ingress.session.get(f"{ingress.url}/metrics") as metrics:
            (held,) = re.findall(r"^webhook_held_body_bytes (\S+)$", await metrics.text(), re.MULTILINE)
            return float(held) == 3 * MIB - 1

    await ingress.eventually(is_held)
    refused = await ingress.send(trigger_id, data=io.BytesIO(b"x" * 2 * MIB))
    assert (refused.status, bool(refused.headers["Retry-After"])) == (503, True)
    assert (await ingress.send(trigger_id, data=b"small")).status == 202
    first.write(b"x")
    assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 202")
    # The room is free again.
    assert (await ingress.send(trigger_id, data=io.BytesIO(b"x" * 2 * MIB))).status == 202
    first.close()
