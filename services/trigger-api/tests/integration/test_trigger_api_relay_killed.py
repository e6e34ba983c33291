"""Relays that are killed again and again, while many write: nothing is missing, doubled or out of order."""

import asyncio
from typing import Any

import aiohttp
import asyncpg
import pytest

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

APPENDERS = 16
KILLS = 20


async def test_every_event_arrives_once_and_in_order(
    settings: Any,
    new_replica: Any,
    whole_config: Any,
    definition: Any,
    make_token: Any,
    eventually: Any,
) -> None:
    stop = asyncio.Event()
    stable, victim = new_replica(settings), new_replica(settings)
    await stable.start()
    headers = {"Authorization": f"Bearer {make_token()}"}
    async with aiohttp.ClientSession(stable.base, headers=headers) as session:
        await eventually(lambda: stable.ready(session))
        async with session.post("/api/workflows", json={"name": "W", "definition": definition}) as answer:
            workflow_id = (await answer.json())["id"]

        async def append(worker: int) -> None:
            body = {"workflowId": workflow_id, "name": f"t{worker}", "triggerType": "manual"}
            async with session.post("/api/triggers", json=body) as answer:
                path = answer.headers["Location"]
            number = 0
            while not stop.is_set():
                number += 1
                async with session.patch(path, json={"name": f"t{worker} {number}"}) as answer:
                    assert answer.status == 200, await answer.text()

        connection = await asyncpg.connect(settings.database.database_url.reveal())
        appenders = [asyncio.create_task(append(worker)) for worker in range(APPENDERS)]
        for _ in range(KILLS):
            # The one that is to be killed leads: the other one's lease is taken away from it.
            await victim.start()
            await eventually(lambda: victim.ready(session))
            await take_the_lease_from_the_other(connection, eventually=eventually)
            await victim.kill()
        stop.set()
        await asyncio.gather(*appenders)

        async def announced() -> bool:
            return bool(await connection.fetchval("SELECT count(*) FROM trigger_api.outbox") == 0)

        await eventually(announced)
        log = await connection.fetch(
            "SELECT position, stream_id, version FROM trigger_api.trigger_events ORDER BY position"
        )
        await connection.close()
    published = await whole_config()
    assert len(log) > APPENDERS * 5
    assert published == [(row["stream_id"], row["version"]) for row in log]


async def take_the_lease_from_the_other(connection: Any, *, eventually: Any) -> None:
    """Wait until another one leads, and has had something to do."""
    lease = "SELECT holder FROM trigger_api.relay_lease WHERE name = 'outbox'"
    before = await connection.fetchval(lease)
    await connection.execute("UPDATE trigger_api.relay_lease SET until = now() - interval '1 second'")

    async def changed() -> bool:
        # The one that held it takes it back where it is the faster one: then once more.
        holder = await connection.fetchval(lease)
        if holder == before:
            await connection.execute("UPDATE trigger_api.relay_lease SET until = now() - interval '1 second'")
        return holder is not None and holder != before

    await eventually(changed)
    progress = "SELECT announced FROM trigger_api.relay_progress"
    at = await connection.fetchval(progress)

    async def moved() -> bool:
        return bool(await connection.fetchval(progress) != at)

    await eventually(moved)
