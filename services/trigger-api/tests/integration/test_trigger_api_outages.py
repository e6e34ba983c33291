"""Whatever is away or dies meanwhile: what was answered is kept, once, and everybody hears of it in order."""

import asyncio
import random
import signal
from dataclasses import replace as changed
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest
from msgspec.structs import replace

from embedded_stack.servers.postgres import Durability, PostgresServer
from embedded_stack.servers.running import running
from trigger_api.adapters.schema import MIGRATIONS, MIGRATIONS_TABLE
from trigger_api.app import build
from trigger_runtime import postgres_schema
from trigger_runtime.postgres import DatabaseSettings
from trigger_runtime.settings import Secret

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

_LOG = "SELECT stream_id, version FROM trigger_api.trigger_events ORDER BY position"
_WAITING = "SELECT count(*) FROM trigger_api.outbox"


class Writer:
    """Renames one trigger again and again, and remembers what was promised."""

    def __init__(self, session: aiohttp.ClientSession, path: str) -> None:
        self._session = session
        self._path = path
        self.promised: set[int] = set()
        self.refused = 0

    async def write(self, stop: asyncio.Event) -> None:
        number = 0
        while not stop.is_set():
            number += 1
            try:
                async with self._session.patch(self._path, json={"name": f"n{number}"}) as answer:
                    document = await answer.json()
                    if answer.status == 200:
                        self.promised.add(document["version"])
                        continue
                    assert answer.status == 503, document
                    assert int(answer.headers["Retry-After"]) >= 1
                    self.refused += 1
            except aiohttp.ClientError:
                self.refused += 1
            await asyncio.sleep(0.02)


async def first_trigger(session: aiohttp.ClientSession, definition: Any) -> tuple[str, str]:
    async with session.post("/api/workflows", json={"name": "W", "definition": definition}) as answer:
        workflow_id = (await answer.json())["id"]
    body = {"workflowId": workflow_id, "name": "t", "triggerType": "manual"}
    async with session.post("/api/triggers", json=body) as answer:
        return workflow_id, answer.headers["Location"]


@pytest.mark.parametrize("stop_signal", [signal.SIGINT, signal.SIGQUIT], ids=["fast", "as in a crash"])
async def test_a_database_that_restarts_loses_nothing(
    settings: Any,
    tmp_path: Path,
    whole_config: Any,
    definition: Any,
    make_token: Any,
    eventually: Any,
    stop_signal: signal.Signals,
) -> None:
    server = PostgresServer(directory=tmp_path / "pg", durability=Durability.ON)
    url = Secret(server.url)
    service = build(replace(settings, database=DatabaseSettings(database_url=url)))
    headers = {"Authorization": f"Bearer {make_token()}"}
    stop = asyncio.Event()
    async with running(changed(server, stop_signal=stop_signal)):
        await asyncio.to_thread(postgres_schema.migrate, url, directory=MIGRATIONS, table=MIGRATIONS_TABLE)
        await service.start()
        session = aiohttp.ClientSession(f"http://127.0.0.1:{settings.http_port}", headers=headers)

        async def ready() -> bool:
            async with session.get("/readyz") as answer:
                return answer.status == 200

        await eventually(ready)
        _, path = await first_trigger(session, definition)
        writer = Writer(session, path)
        writing = asyncio.create_task(writer.write(stop))
        await eventually(lambda: len(writer.promised) > 20)
    try:
        refused = writer.refused
        await eventually(lambda: writer.refused > refused)
        async with running(server):
            seen = len(writer.promised)
            await eventually(lambda: len(writer.promised) > seen + 20)
            stop.set()
            await writing
            connection = await asyncpg.connect(server.url)

            async def announced() -> bool:
                return bool(await connection.fetchval(_WAITING) == 0)

            await eventually(announced)
            log = [(row["stream_id"], row["version"]) for row in await connection.fetch(_LOG)]
            await connection.close()
            versions = {version for stream_id, version in log if str(stream_id) in path}
            assert writer.promised <= versions, "an answer of 200 that is not in the log"
            assert versions == set(range(1, len(versions) + 1))
            assert await whole_config() == log
    finally:
        await session.close()
        await service.stop()


async def test_a_service_that_is_killed_creates_each_trigger_once(
    settings: Any,
    new_replica: Any,
    whole_config: Any,
    definition: Any,
    make_token: Any,
    eventually: Any,
    database_url: str,
) -> None:
    """The sender repeats with the same key until it has an answer, whatever became of the earlier tries."""
    replica = new_replica(settings)
    await replica.start()
    headers = {"Authorization": f"Bearer {make_token()}"}
    chance = random.Random(7)
    kills = 0
    async with aiohttp.ClientSession(replica.base, headers=headers) as session:
        await eventually(lambda: replica.ready(session))
        workflow_id, _ = await first_trigger(session, definition)
        answers: dict[str, str] = {}

        async def create(number: int) -> None:
            body = {"workflowId": workflow_id, "name": f"k{number}", "triggerType": "manual"}
            while f"k{number}" not in answers:
                try:
                    async with session.post(
                        "/api/triggers", json=body, headers={"Idempotency-Key": f"k{number}"}
                    ) as answer:
                        document = await answer.json()
                        assert answer.status in {201, 503}, document
                        if answer.status == 201:
                            answers[f"k{number}"] = document["id"]
                except aiohttp.ClientError:
                    await asyncio.sleep(0.02)

        async def create_some(numbers: range) -> None:
            for number in numbers:
                await create(number)

        creating = [asyncio.create_task(create_some(range(n, 240, 8))) for n in range(8)]
        while not all(task.done() for task in creating):
            await asyncio.sleep(chance.uniform(0.05, 0.3))
            await replica.kill()
            kills += 1
            await replica.start()
            await eventually(lambda: replica.ready(session))
        await asyncio.gather(*creating)
        connection = await asyncpg.connect(database_url)

        async def announced() -> bool:
            return bool(await connection.fetchval(_WAITING) == 0)

        await eventually(announced)
        rows = await connection.fetch("SELECT id, name FROM trigger_api.workflow_triggers WHERE name ~ '^k'")
        log = [(row["stream_id"], row["version"]) for row in await connection.fetch(_LOG)]
        await connection.close()
    assert kills >= 3, "the fault has to bite"
    assert sorted((row["name"], str(row["id"])) for row in rows) == sorted(answers.items())
    assert await whole_config() == log


async def test_a_transaction_that_stays_open_hides_nothing(
    api: Any, workflow_id: str, whole_log: Any, eventually: Any
) -> None:
    """A writer that has its position and does not commit: nobody gets a later one before it."""
    slow = await asyncpg.connect(api.database_url)
    open_one = slow.transaction()
    await open_one.start()
    await slow.execute("SELECT pg_advisory_xact_lock(hashtext('trigger_api.trigger_events'))")
    early = await slow.fetchval(
        "INSERT INTO trigger_api.trigger_events"
        " (stream_id, aggregate, version, workspace, type, data, actor, request_id, occurred_at)"
        " VALUES (gen_random_uuid(), 'trigger', 1, 'w', 'X', '{}', 'a', 'r', now()) RETURNING position"
    )
    body = {"workflowId": workflow_id, "name": "t", "triggerType": "manual"}
    waiting = asyncio.create_task(api.call("POST", "/api/triggers", body, status=201))
    reader = await asyncpg.connect(api.database_url)
    blocked = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    await eventually(lambda: reader.fetchval(blocked))
    assert await whole_log(reader) < early
    await open_one.commit()
    await waiting
    assert await whole_log(reader) == early + 1
    await slow.close()
    await reader.close()


@pytest.fixture
def whole_log() -> Any:
    async def last(connection: Any) -> int:
        return int(await connection.fetchval("SELECT max(position) FROM trigger_api.trigger_events"))

    return last
