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

            async def measured() -> bool:
                async with session.get("/metrics") as answer:
                    return "outbox_waiting 2.0" in await answer.text()

            # The gauges matter most while nobody can relay.
            await eventually(measured)
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


async def test_a_change_that_the_bus_never_takes_does_not_hold_up_the_others(
    api: Any, workflow_id: str, eventually: Any
) -> None:
    connection = await asyncpg.connect(api.database_url)
    body = {"workflowId": workflow_id, "name": "t", "triggerType": "manual"}
    async with connection.transaction():
        # As if an older version had let it through: 9 MB, before everything that follows.
        await connection.execute("LOCK TABLE trigger_api.outbox IN EXCLUSIVE MODE")
        position = await connection.fetchval(
            "INSERT INTO trigger_api.trigger_events"
            " (stream_id, aggregate, version, workspace, type, data, actor, request_id, occurred_at)"
            " VALUES (gen_random_uuid(), 'trigger', 1, 'w', 'X', '{}', 'a', 'r', now()) RETURNING position"
        )
        await connection.execute(
            "INSERT INTO trigger_api.outbox VALUES ($1, 'config.trigger.x', $2, NULL)",
            position,
            bytes(9_000_000),
        )
    trigger_id = (await api.call("POST", "/api/triggers", body, status=201)).json["id"]

    async def announced() -> bool:
        return await _published(api.nats_url, trigger_id) == [1]

    await eventually(announced)
    refused = await connection.fetch("SELECT position, refused FROM trigger_api.outbox")
    assert [(row["position"], "bytes" in row["refused"]) for row in refused] == [(position, True)]

    async def measured() -> bool:
        async with api.session.get(f"{api.base_url}/metrics") as answer:
            return "outbox_refused 1.0" in await answer.text()

    await eventually(measured)
    await connection.close()


async def test_a_leader_that_wakes_up_late_cannot_publish_over_its_successor(
    api: Any, workflow_id: str, eventually: Any
) -> None:
    """The lease is taken away while the leader believes in it; the fence at the bus is what holds."""
    body = {"workflowId": workflow_id, "name": "t", "triggerType": "manual"}
    first = (await api.call("POST", "/api/triggers", body, status=201)).json["id"]

    async def announced() -> bool:
        return await _published(api.nats_url, first) == [1]

    await eventually(announced)
    client = await nats.connect(api.nats_url)
    js = client.jetstream()
    # A successor's publish, which this relay does not know of.
    state = await js.get_last_msg("CONFIG", f"config.trigger.{first}")
    await js.publish(f"config.trigger.{first}", state.data or b"")
    before = (await js.stream_info("CONFIG")).state.last_seq
    with pytest.raises(nats.js.errors.APIError, match="wrong last sequence"):
        stale = {"Nats-Expected-Last-Sequence": str(before - 1)}
        await js.publish(f"config.trigger.{first}", b"stale", headers=stale)
    # The relay is refused in the same way, looks again, and goes on.
    second = (await api.call("POST", "/api/triggers", body, status=201)).json["id"]

    async def went_on() -> bool:
        return await _published(api.nats_url, second) == [1]

    await eventually(went_on)
    await client.close()


async def test_a_frozen_leader_is_succeeded_when_its_lease_runs_out(
    api: Any, workflow_id: str, eventually: Any
) -> None:
    connection = await asyncpg.connect(api.database_url)
    await connection.execute(
        "UPDATE trigger_api.relay_lease SET holder = gen_random_uuid(), until = now() + interval '2 seconds'"
    )
    body = {"workflowId": workflow_id, "name": "t", "triggerType": "manual"}
    trigger_id = (await api.call("POST", "/api/triggers", body, status=201)).json["id"]

    async def announced() -> bool:
        return await _published(api.nats_url, trigger_id) == [1]

    await eventually(announced)
    left = "SELECT until > now() FROM trigger_api.relay_lease"
    assert await connection.fetchval(left), "the one that published holds the lease"
    await connection.close()
