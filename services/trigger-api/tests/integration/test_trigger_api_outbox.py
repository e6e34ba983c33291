"""Every event reaches CONFIG, once and in order, whatever is away meanwhile."""

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import nats
import pytest
from msgspec.structs import replace

from embedded_stack.servers.nats import NatsServer
from embedded_stack.servers.running import running
from trigger_api.app import build
from trigger_api.settings import Settings
from trigger_contracts import config
from trigger_runtime.settings import Secret

pytestmark = pytest.mark.integration


async def published(nats_url: str, trigger_id: str) -> list[int]:
    """Return the versions that are on CONFIG for a trigger, in stream order (the last few are kept)."""
    client = await nats.connect(nats_url)
    js = client.jetstream()
    info = await js.stream_info("CONFIG")
    versions = []
    for sequence in range(max(info.state.first_seq, 1), info.state.last_seq + 1):
        try:
            message = await js.get_msg("CONFIG", sequence)
        except nats.js.errors.NotFoundError:
            continue
        if message.subject == f"config.trigger.{trigger_id}":
            versions.append(config.TRIGGERS.decode(message.data or b"").change.version)
    await client.close()
    return versions


async def test_two_replicas_relay_once_and_in_order(
    api: Any, settings: Settings, workflow_id: str, unused_tcp_port_factory: Any, eventually: Any
) -> None:
    second = build(replace(settings, http_port=unused_tcp_port_factory()))
    await second.start()
    body = {"workflowId": workflow_id, "name": "n0", "triggerType": "manual"}
    trigger_id = (await api.call("POST", "/api/triggers", body, status=201)).json["id"]
    try:
        for number in range(1, 20):
            await api.call("PATCH", f"/api/triggers/{trigger_id}", {"name": f"n{number}"}, status=200)
            if number == 10:
                # Whoever leads loses its session, as in a failover of the database.
                connection = await asyncpg.connect(api.database_url)
                await connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted"
                )
                await connection.close()

        async def complete() -> bool:
            versions = await published(api.nats_url, trigger_id)
            return bool(versions) and versions[-1] == 20

        await eventually(complete)
        assert await published(api.nats_url, trigger_id) == [17, 18, 19, 20]
        connection = await asyncpg.connect(api.database_url)
        assert await connection.fetchval("SELECT count(*) FROM trigger_api.outbox") == 0
        await connection.close()
    finally:
        await second.stop()


async def test_changes_made_while_the_bus_is_away_go_out_when_it_is_back(
    settings: Settings, tmp_path: Path, definition: Any, make_token: Any, eventually: Any
) -> None:
    bus = NatsServer(directory=tmp_path / "late")
    service = build(replace(settings, nats_url=Secret(bus.url)))
    await service.start()
    base = f"http://127.0.0.1:{settings.http_port}"
    headers = {"Authorization": f"Bearer {make_token()}"}
    try:
        async with aiohttp.ClientSession(base, headers=headers) as session:
            async with session.post("/api/workflows", json={"name": "W", "definition": definition}) as answer:
                assert answer.status == 201, "configuring does not need the bus"
                workflow_id = (await answer.json())["id"]
            body = {"workflowId": workflow_id, "name": "t", "triggerType": "manual"}
            async with session.post("/api/triggers", json=body) as answer:
                trigger_id = (await answer.json())["id"]
            async with session.post(f"/api/triggers/{trigger_id}/execute") as answer:
                assert answer.status == 503
                assert int(answer.headers["Retry-After"]) >= 1
            async with running(bus):
                await eventually(lambda: _published(bus.url, trigger_id))
            async with session.patch(f"/api/triggers/{trigger_id}", json={"name": "u"}) as answer:
                assert answer.status == 200
            async with running(bus):

                async def caught_up() -> bool:
                    return (await _published(bus.url, trigger_id))[-1:] == [2]

                await eventually(caught_up)
    finally:
        await service.stop()


async def _published(nats_url: str, trigger_id: str) -> list[int]:
    try:
        return await published(nats_url, trigger_id)
    except nats.js.errors.NotFoundError:
        return []


async def test_concurrent_appends_get_positions_in_commit_order(api: Any, workflow_id: str) -> None:
    async def reader() -> list[int]:
        """Follow the log by position, as a projection would."""
        connection = await asyncpg.connect(api.database_url)
        seen: list[int] = []
        while len(seen) < 61:
            rows = await connection.fetch(
                "SELECT position FROM trigger_api.trigger_events WHERE position > $1 ORDER BY position",
                seen[-1] if seen else 0,
            )
            seen += [row["position"] for row in rows]
        await connection.close()
        return seen

    following = asyncio.create_task(reader())
    body = {"workflowId": workflow_id, "name": "t", "triggerType": "manual"}
    await asyncio.gather(*(api.call("POST", "/api/triggers", body, status=201) for _ in range(60)))
    seen = await asyncio.wait_for(following, 30)
    assert len(seen) == len(set(seen)) == 61
