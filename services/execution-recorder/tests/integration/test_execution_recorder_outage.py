"""Servers that are away, and a schema that is not there yet."""

import asyncio
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from embedded_stack.servers.postgres import Durability, PostgresServer
from embedded_stack.servers.running import running
from trigger_contracts import executions, streams

pytestmark = pytest.mark.integration


def _fact(given: Any, execution: executions.Execution) -> executions.ExecutionStarted:
    return executions.ExecutionStarted(
        execution=execution,
        at=given.now,
        temporal_workflow_id="w",
        temporal_run_id="r",
        workflow_version=1,
        payload={},
    )


async def _statuses(recorder: Any, wanted: list[Any]) -> set[int]:
    return {(await recorder.get(f"/api/executions/{execution.id}")).status for execution in wanted}


async def test_nothing_is_lost_while_the_database_restarts(
    start: Any, given: Any, tmp_path: Path, migrate_history: Any, eventually: Any
) -> None:
    server = PostgresServer(directory=tmp_path / "postgres", durability=Durability.OFF)
    async with running(server):
        await asyncio.to_thread(migrate_history, server.url)
        recorder = await (await start(server.url)).ready()
        before = given.execution()
        await recorder.publish("executions.started", _fact(given, before))
        await recorder.shown(f"/api/executions/{before.id}")

    async def seen_away() -> bool:
        return "database" in (await recorder.ask("GET", "/readyz")).json()["missing"]

    await eventually(seen_away)
    unreadable = await recorder.get(f"/api/executions/{before.id}")
    assert (unreadable.status, unreadable.json()["code"]) == (503, "unavailable")
    assert int(unreadable.headers["Retry-After"]) >= 1

    deliveries = [given.accepted() for _ in range(5)]
    meanwhile = [given.execution() for _ in range(20)]
    await recorder.publish(*given.batch(*deliveries))
    for execution in meanwhile:
        await recorder.publish("executions.started", _fact(given, execution))

    async def tried() -> bool:
        metrics = (await recorder.ask("GET", "/metrics")).body.decode()
        return f'durable="{streams.RECORD_EXECUTIONS}",outcome="retried"' in metrics

    await eventually(tried)
    async with running(server):
        await recorder.ready()

        async def recorded() -> bool:
            return await _statuses(recorder, [before, *meanwhile]) == {200}

        await eventually(recorded, seconds=40)
        for delivery in deliveries:
            await recorder.shown(f"/api/webhook-logs/{delivery.id}")
            await recorder.shown(f"/api/executions/{delivery.execution_id}")
        assert await recorder.dead_letters() == []
        await recorder.service.stop()


async def test_nothing_is_lost_while_sessions_are_cut(
    recorder: Any, given: Any, database_url: str, eventually: Any
) -> None:
    wanted = [given.execution() for _ in range(200)]

    async def publish() -> None:
        for execution in wanted:
            await recorder.publish("executions.started", _fact(given, execution))

    async def cut() -> None:
        connection = await asyncpg.connect(database_url)
        while not publishing.done():
            await connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND application_name = 'execution-recorder'"
            )
            await asyncio.sleep(0.03)
        await connection.close()

    publishing = asyncio.create_task(publish())
    await cut()
    await publishing

    async def recorded() -> bool:
        answer = await recorder.get("/api/executions?limit=200")
        return answer.status == 200 and len(answer.json()["items"]) == len(wanted)

    await eventually(recorded, seconds=40)
    assert await recorder.dead_letters() == []


async def test_not_ready_until_migrated_and_nothing_is_lost(
    start: Any, given: Any, empty_database_url: str, migrate_history: Any, eventually: Any
) -> None:
    recorder = await start(empty_database_url)

    async def reason() -> Any:
        missing = (await recorder.ask("GET", "/readyz")).json()["missing"]
        return set(missing) == {"schema"} and missing["schema"]

    assert await eventually(reason) == "no migration is applied: run the verb migrate"
    execution = given.execution()
    await recorder.publish("executions.started", _fact(given, execution))
    assert (await recorder.get("/api/executions")).status == 503
    await asyncio.to_thread(migrate_history, empty_database_url)
    await recorder.ready()
    await recorder.shown(f"/api/executions/{execution.id}")
    assert await recorder.dead_letters() == []


async def test_an_older_schema_is_named_and_a_newer_one_is_fine(
    start: Any, database_url: str, eventually: Any
) -> None:
    connection = await asyncpg.connect(database_url)
    versions = "execution_recorder.schema_migrations"
    known = await connection.fetchval(f"SELECT max(version) FROM {versions}")
    await connection.execute(f"UPDATE {versions} SET version = '99990101000000' WHERE version = $1", known)
    recorder = await start(database_url)

    async def reason() -> Any:
        missing = (await recorder.ask("GET", "/readyz")).json()["missing"]
        return set(missing) == {"schema"} and missing["schema"]

    assert await eventually(reason) == f"not applied: {known}: run the verb migrate"
    await connection.execute(f"INSERT INTO {versions} VALUES ($1)", known)
    await recorder.ready()
    await connection.close()


async def test_it_starts_and_stops_with_nothing_reachable(start: Any, given: Any) -> None:
    recorder = await start("postgresql://nobody:nothing@127.0.0.1:1/nowhere")
    missing = (await recorder.ask("GET", "/readyz")).json()["missing"]
    assert {"database", "schema"} <= set(missing)
    assert (await recorder.ask("GET", "/livez")).status == 200
    assert (await recorder.get("/api/executions")).status == 503
