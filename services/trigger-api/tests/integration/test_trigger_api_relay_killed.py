"""Relays that are killed again and again, while many write: nothing is missing, doubled or out of order."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import asyncpg
import nats
import pytest
from nats.js import api as js_api

from trigger_api.settings import Settings
from trigger_contracts import config, streams

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

APPENDERS = 16
KILLS = 20


class Replica:
    """One process of the service, which is one of those that may relay."""

    def __init__(self, settings: Settings, *, port: int, keys: str, jwt_secret: str) -> None:
        self.base = f"http://127.0.0.1:{port}"
        self._environment = {
            "PATH": os.environ["PATH"],
            "HTTP_PORT": str(port),
            "DATABASE_URL": settings.database.database_url.reveal(),
            "NATS_URL": settings.nats_url.reveal(),
            "JWT_SECRET": jwt_secret,
            "SECRET_KEYS": keys,
            "LOG_LEVEL": "warning",
        }
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it, unless it runs."""
        if self._process is not None and self._process.returncode is None:
            return
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "trigger_api", "serve"),
            env=self._environment,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )

    async def kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(signal.SIGKILL)
            await self._process.wait()


@pytest.fixture
async def replicas(
    settings: Settings, unused_tcp_port_factory: Any, key_ring: str, eventually: Any
) -> AsyncIterator[list[Replica]]:
    secret = settings.tokens.jwt_secret
    assert secret is not None
    made = [
        Replica(settings, port=unused_tcp_port_factory(), keys=key_ring, jwt_secret=secret.reveal())
        for _ in range(2)
    ]
    # Everything that is published is kept, so that the whole history can be looked at.
    client = await nats.connect(settings.nats_url.reveal())
    await client.jetstream().add_stream(
        js_api.StreamConfig(name="CONFIG", subjects=list(streams.CONFIG.subjects), duplicate_window=120)
    )
    await client.close()
    try:
        for replica in made:
            await replica.start()
        async with aiohttp.ClientSession() as session:
            for replica in made:
                await eventually(lambda replica=replica: ready(session, replica))
        yield made
    finally:
        for replica in made:
            await replica.kill()


async def ready(session: aiohttp.ClientSession, replica: Replica) -> bool:
    try:
        async with session.get(f"{replica.base}/readyz") as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False


async def test_every_event_arrives_once_and_in_order(
    settings: Settings, replicas: list[Replica], definition: Any, make_token: Any, eventually: Any
) -> None:
    stop = asyncio.Event()
    stable, victim = replicas
    headers = {"Authorization": f"Bearer {make_token()}"}
    async with aiohttp.ClientSession(stable.base, headers=headers) as session:
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
            await eventually(lambda: ready(session, victim))
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
    published = await everything_on(settings.nats_url.reveal())
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


async def everything_on(nats_url: str) -> list[tuple[Any, int]]:
    client = await nats.connect(nats_url)
    js = client.jetstream()
    info = await js.stream_info("CONFIG")
    subscription = await js.subscribe("config.>", stream="CONFIG", ordered_consumer=True)
    found = []
    for _ in range(info.state.messages):
        message = await subscription.next_msg(timeout=10)
        changed: Any = (
            config.TRIGGERS.decode(message.data).trigger
            if message.subject.startswith("config.trigger.")
            else config.WORKFLOWS.decode(message.data).workflow
        )
        found.append((changed.id, changed.version))
    await client.close()
    return found
