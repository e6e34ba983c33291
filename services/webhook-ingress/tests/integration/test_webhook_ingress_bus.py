"""What the bus does to the door: batches, outages, restarts, limits, shutdown."""

import asyncio
import io
import time
from pathlib import Path
from typing import Any
from uuid import UUID

import aiohttp
import pytest

from embedded_stack.servers.nats import NatsServer
from embedded_stack.servers.running import running
from trigger_contracts import streams
from trigger_contracts.deliveries import DeliveriesAccepted, DeliveriesRejected
from trigger_runtime.bus.connection import Bus, BusUnavailableError

pytestmark = pytest.mark.integration


async def test_concurrent_requests_share_few_messages(ingress: Any) -> None:
    trigger_id = await ingress.serving()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=500)) as session:

        async def one(number: int) -> str:
            data = b"%d" % number
            async with session.post(ingress.address(trigger_id), data=data) as answer:
                assert answer.status == 202
                return str((await answer.json())["executionId"])

        answered = await asyncio.gather(*(one(number) for number in range(500)))
    messages = await ingress.messages()
    deliveries = [delivery for message in messages for delivery in message.deliveries]
    assert [message for message in messages if not isinstance(message, DeliveriesAccepted)] == []
    assert sorted(str(delivery.execution_id) for delivery in deliveries) == sorted(answered)
    by_number = {int(delivery.body): str(delivery.execution_id) for delivery in deliveries}
    assert [by_number[number] for number in range(500)] == answered
    assert len(messages) < 125


async def test_batches_end_at_their_limits(nats_server: NatsServer, new_ingress: Any) -> None:
    ingress = await new_ingress(nats_server, batch_deliveries=3, batch_bytes=4096)
    await ingress.ready()
    trigger_id = await ingress.serving()
    sizes = [10] * 20 + [2000] * 5 + [9000]
    await asyncio.gather(*(ingress.send(trigger_id, data=b"x" * size) for size in sizes))
    batches = [[len(d.body) for d in message.deliveries] for message in await ingress.messages()]
    assert sorted(size for batch in batches for size in batch) == sorted(sizes)
    assert max(len(batch) for batch in batches) <= 3
    assert all(sum(batch) * 4 // 3 < 4096 for batch in batches if len(batch) > 1)


async def test_a_dead_bus_is_a_503_in_time_and_a_living_one_a_202_again(
    tmp_path: Path, new_ingress: Any
) -> None:
    server = NatsServer(directory=tmp_path / "nats")
    async with running(server):
        ingress = await new_ingress(server)
        await ingress.ready()
        trigger_id = await ingress.serving()
        await (await ingress.bus()).close()
        ingress.forget_client()
    began = time.monotonic()
    replies = await asyncio.gather(*(ingress.send(trigger_id, data=b"while away") for _ in range(20)))
    assert time.monotonic() - began < 2.0
    for reply in replies:
        assert (reply.status, reply.headers["Retry-After"]) == (503, "1")
        assert reply.headers["Content-Type"] == "application/problem+json"
        assert "X-Execution-Id" not in reply.headers
    assert await ingress.readiness() == {"bus": "connection lost"}
    refused = await ingress.send(trigger_id, method="PUT")
    assert refused.status == 405
    async with running(server):
        await ingress.settled(trigger_id, status=202, data=b"again")
        # What was answered 503 stays away; what was refused meanwhile is on record after all.
        assert {d.body for d in await ingress.accepted()} == {b"again"}
        assert (await ingress.rejected(request_id=refused.request_id)).reason == "method_not_allowed"
        await ingress.ready()
        # Configuration is followed again, too.
        await ingress.serving()
        await ingress.close()


async def test_a_short_outage_costs_nobody_anything(tmp_path: Path, new_ingress: Any) -> None:
    server = NatsServer(directory=tmp_path / "nats")
    async with running(server):
        ingress = await new_ingress(server, publish_seconds=20.0)
        await ingress.ready()
        trigger_id = await ingress.serving()
        await (await ingress.bus()).close()
        ingress.forget_client()
    waiting = [asyncio.create_task(ingress.send(trigger_id, data=b"%d" % n)) for n in range(5)]
    async with running(server):
        replies = await asyncio.gather(*waiting)
        assert [reply.status for reply in replies] == [202] * 5
        stored = await ingress.accepted()
        assert sorted(d.body for d in stored) == [b"%d" % n for n in range(5)]
        assert {UUID(r.json["executionId"]) for r in replies} == {d.execution_id for d in stored}
        await ingress.close()


async def test_a_cold_start_without_a_bus_is_503_and_heals(tmp_path: Path, new_ingress: Any) -> None:
    server = NatsServer(directory=tmp_path / "nats")
    ingress = await new_ingress(server)
    preflight = {"Origin": "https://a.example", "Access-Control-Request-Method": "POST"}
    for method, headers in (("POST", {}), ("GET", {}), ("OPTIONS", preflight)):
        reply = await ingress.send("01890000-0000-7000-8000-000000000000", method=method, headers=headers)
        assert (reply.status, reply.headers["Retry-After"]) == (503, "1")
    assert await ingress.readiness() == {"bus": "not connected yet", "triggers": "still reading"}
    async with running(server):
        await ingress.ready()
        await ingress.serving()
        await ingress.close()


async def test_a_full_stream_is_a_503(ingress: Any) -> None:
    trigger_id = await ingress.serving()
    js = (await ingress.bus()).jetstream()
    config = (await js.stream_info("DELIVERIES")).config
    config.max_msgs = 1
    await js.update_stream(config)
    assert (await ingress.send(trigger_id)).status == 202
    reply = await ingress.send(trigger_id)
    assert (reply.status, reply.headers["Retry-After"]) == (503, "1")


async def test_a_flood_of_refusals_never_refuses_a_webhook(nats_server: NatsServer, new_ingress: Any) -> None:
    """Anybody can be refused, as often as they like: the accepted ones must not share their room."""
    ingress = await new_ingress(nats_server, batch_bytes=16_384)
    await ingress.ready()
    trigger_id = await ingress.serving()
    await ingress.shrink(streams.DELIVERIES, max_bytes=128 * 1024)
    await ingress.shrink(streams.REJECTIONS, max_bytes=64 * 1024)
    accepted: list[int] = []
    for _ in range(20):
        flood = [ingress.send(trigger_id, method="PUT", data=b"x" * 10_000) for _ in range(20)]
        status, *refused = [reply.status for reply in await asyncio.gather(ingress.send(trigger_id), *flood)]
        assert set(refused) == {405}
        accepted.append(status)
    assert accepted == [202] * 20
    assert len(await ingress.accepted()) == 20
    last = await ingress.send(trigger_id, method="PUT")
    # The latest refusals are on record, and pushed out the first ones.
    await ingress.rejected(request_id=last.request_id)
    js = (await ingress.bus()).jetstream()
    state = (await js.stream_info(streams.REJECTIONS.name)).state
    assert state.first_seq > 1
    assert state.bytes <= 64 * 1024
    assert (await ingress.send(trigger_id)).status == 202


async def test_a_full_queue_is_a_503_at_once(tmp_path: Path, new_ingress: Any) -> None:
    server = NatsServer(directory=tmp_path / "nats")
    async with running(server):
        ingress = await new_ingress(server, queue_bytes=1024 * 1024, publish_seconds=10.0)
        await ingress.ready()
        trigger_id = await ingress.serving()
        await (await ingress.bus()).close()
        ingress.forget_client()
    sent = [asyncio.create_task(ingress.send(trigger_id, data=b"x" * 500_000)) for _ in range(2)]
    (refused,), (waiting,) = await asyncio.wait(sent, return_when=asyncio.FIRST_COMPLETED)
    assert (refused.result().status, refused.result().headers["Retry-After"]) == (503, "1")
    assert "Too many" in refused.result().json["detail"]
    async with running(server):
        assert (await waiting).status == 202
        await ingress.close()


async def test_refusals_over_the_limit_are_counted(tmp_path: Path, new_ingress: Any) -> None:
    server = NatsServer(directory=tmp_path / "nats")
    async with running(server):
        ingress = await new_ingress(server, rejected_queue_bytes=1024 * 1024)
        await ingress.ready()
        trigger_id = await ingress.serving()
        await (await ingress.bus()).close()
        ingress.forget_client()
    body = b"x" * 60_000
    replies = [await ingress.send(trigger_id, method="PUT", data=body) for _ in range(30)]
    assert {reply.status for reply in replies} == {405}
    async with running(server):
        await ingress.settled(trigger_id, status=202)
        await ingress.rejected(request_id=replies[0].request_id)
        last = await ingress.send(trigger_id, method="PUT")
        await ingress.rejected(request_id=last.request_id)
        found = [m for m in await ingress.messages() if isinstance(m, DeliveriesRejected)]
        recorded = sum(d.method == "PUT" for message in found for d in message.deliveries)
        dropped = sum(message.dropped for message in found)
        assert 0 < dropped < 30
        assert recorded + dropped == 31
        async with ingress.session.get(f"{ingress.url}/metrics") as answer:
            assert f"webhook_rejections_dropped_total {dropped}.0" in await answer.text()
        await ingress.close()


async def test_refusals_are_flushed_on_shutdown(ingress: Any) -> None:
    trigger_id = await ingress.serving()
    replies = await asyncio.gather(*(ingress.send(trigger_id, method="PUT") for _ in range(50)))
    await ingress.service.stop()
    found = [m for m in await ingress.messages() if isinstance(m, DeliveriesRejected)]
    recorded = {delivery.request_id for message in found for delivery in message.deliveries}
    assert {reply.request_id for reply in replies} <= recorded


async def test_readiness_says_when_bodies_do_not_fit_the_bus(
    nats_server: NatsServer, new_ingress: Any
) -> None:
    ingress = await new_ingress(
        nats_server, max_body_bytes=7 * 1024 * 1024, inline_body_bytes=7 * 1024 * 1024
    )

    async def reason() -> str | None:
        missing: dict[str, str] = await ingress.readiness()
        return missing.get("max_payload")

    assert "INLINE_BODY_BYTES=7340032" in await ingress.eventually(reason)
    trigger_id = await ingress.put()
    await ingress.settled(trigger_id, status=202, data=b"small")
    reply = await ingress.send(trigger_id, data=io.BytesIO(b"x" * 6_500_000))
    assert (reply.status, reply.json["rejectionReason"]) == (413, "body_too_large")
    record = await ingress.rejected(request_id=reply.request_id)
    assert (record.reason, record.body) == ("body_too_large", b"")


async def test_a_lost_confirmation_is_repeated_once(ingress: Any, monkeypatch: Any) -> None:
    """The publish is stored and its answer never comes: the second try is dropped by its message id."""
    trigger_id = await ingress.serving()
    publish = Bus.publish
    calls: list[str] = []

    async def deaf(bus: Bus, subject: str, data: bytes, **options: Any) -> int:
        calls.append(options["message_id"])
        sequence = await publish(bus, subject, data, **options)
        if len(calls) == 1:
            raise BusUnavailableError("the answer was lost")
        return sequence

    monkeypatch.setattr(Bus, "publish", deaf)
    reply = await ingress.send(trigger_id)
    assert reply.status == 202
    assert len(calls) == 2
    assert len(set(calls)) == 1
    assert [str(d.execution_id) for d in await ingress.accepted()] == [reply.json["executionId"]]


async def test_what_was_answered_503_is_not_sent_again(
    nats_server: NatsServer, new_ingress: Any, monkeypatch: Any
) -> None:
    ingress = await new_ingress(nats_server, publish_seconds=0.3)
    await ingress.ready()
    trigger_id = await ingress.serving()
    attempts: list[int] = []

    async def refuse(_bus: Bus, _subject: str, _data: bytes, **_options: Any) -> int:
        attempts.append(1)
        raise BusUnavailableError("away")

    monkeypatch.setattr(Bus, "publish", refuse)
    replies = await asyncio.gather(*(ingress.send(trigger_id, data=b"late") for _ in range(10)))
    assert {reply.status for reply in replies} == {503}
    monkeypatch.undo()
    assert (await ingress.send(trigger_id, data=b"in time")).status == 202
    assert [d.body for d in await ingress.accepted()] == [b"in time"]
    assert attempts  # how often it tries before it answers is the machine's speed
