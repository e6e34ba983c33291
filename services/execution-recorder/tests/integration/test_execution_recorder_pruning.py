"""What is older than it is kept goes; everything else stays."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from execution_recorder.adapters.postgres_pruning import PostgresPruning
from execution_recorder.adapters.postgres_recording import PostgresRecording
from execution_recorder.entrypoints.pruning import PruningTask
from execution_recorder.usecases import record_deliveries, record_fact
from trigger_contracts import executions
from trigger_runtime.metrics import Metrics
from trigger_runtime.postgres import Database

pytestmark = pytest.mark.integration

DAY = timedelta(days=1)


async def _ids(database: Database, table: str) -> set[UUID]:
    async with database.connection() as connection:
        rows = await connection.fetch(f"SELECT id FROM execution_recorder.{table}")
    return {row["id"] for row in rows}


async def _fill(database: Database, given: Any, *, count: int, at: datetime) -> None:
    recording = PostgresRecording(database)
    _, batch = given.batch(*(given.rejected(received_at=at) for _ in range(count)))
    await record_deliveries(batch, recording=recording)


async def test_the_old_goes_and_the_rest_stays(database: Database, given: Any) -> None:
    recording = PostgresRecording(database)
    now = datetime.now(UTC)
    old, kept = now - 31 * DAY, now - 29 * DAY
    unknown = given.rejected(workspace=None, trigger_id=None, workflow_id=None, received_at=old)
    logs = {name: given.rejected(received_at=at) for name, at in (("old", old), ("kept", kept))}
    _, batch = given.batch(unknown, *logs.values())
    await record_deliveries(batch, recording=recording)
    running = given.accepted(received_at=old)
    _, batch = given.batch(running)
    await record_deliveries(batch, recording=recording)
    ended = {name: given.execution(accepted_at=old) for name in ("old", "kept")}
    for name, at in (("old", old), ("kept", kept)):
        fact = executions.ExecutionCancelled(
            execution=ended[name], at=at, temporal_workflow_id="w", temporal_run_id="r"
        )
        await record_fact(fact, recording=recording)

    pruning = PostgresPruning(database)
    assert await pruning.prune(before=now - 30 * DAY, limit=100) == 4
    assert await pruning.prune(before=now - 30 * DAY, limit=100) == 0
    assert await _ids(database, "webhook_logs") == {logs["kept"].id}
    # One that has not ended is kept, however long ago it was accepted.
    assert await _ids(database, "trigger_executions") == {ended["kept"].id, running.execution_id}


async def test_a_call_deletes_no_more_than_it_may_and_the_oldest_first(
    database: Database, given: Any
) -> None:
    now = datetime.now(UTC)
    for age in (40, 50, 60):
        await _fill(database, given, count=10, at=now - age * DAY)
    pruning = PostgresPruning(database)
    assert await pruning.prune(before=now - 30 * DAY, limit=15) == 15
    async with database.connection() as connection:
        oldest = await connection.fetchval("SELECT min(created_at) FROM execution_recorder.webhook_logs")
    assert oldest == now - 50 * DAY


async def test_two_processes_do_not_wait_for_each_other(database: Database, given: Any) -> None:
    now = datetime.now(UTC)
    await _fill(database, given, count=200, at=now - 40 * DAY)
    pruning = PostgresPruning(database)
    counts = await asyncio.gather(*(pruning.prune(before=now, limit=60) for _ in range(3)))
    assert sum(counts) + len(await _ids(database, "webhook_logs")) == 200
    async with database.connection() as connection, connection.transaction():
        await connection.execute("SELECT 1 FROM execution_recorder.webhook_logs FOR UPDATE")
        assert await asyncio.wait_for(pruning.prune(before=now, limit=60), 5) == 0


async def test_the_index_is_used(database: Database) -> None:
    async with database.connection() as connection:
        await connection.execute("SET enable_seqscan = off")
        for table, column in (("webhook_logs", "created_at"), ("trigger_executions", "completed_at")):
            plan = await connection.fetchval(
                f"EXPLAIN (FORMAT JSON) SELECT id FROM execution_recorder.{table}"
                f" WHERE {column} < now() ORDER BY {column} LIMIT 10"
            )
            assert "webhook_logs_by_age" in plan or "trigger_executions_by_end" in plan, plan
            assert "Sort" not in plan


@pytest.mark.parametrize(("days", "left"), [(30, 0), (0, 1100)])
async def test_the_service_prunes_in_batches_until_nothing_is_left(
    start: Any, given: Any, database: Database, database_url: str, eventually: Any, days: int, left: int
) -> None:
    old = datetime.now(UTC) - 40 * DAY
    await _fill(database, given, count=1100, at=old)
    recorder = await (await start(database_url, retention_days=days)).ready()
    if days:

        async def counted() -> bool:
            metrics = (await recorder.ask("GET", "/metrics")).body
            return b"history_rows_pruned_total 1100.0" in metrics

        await eventually(counted)
    else:

        async def minutes_are_gone() -> bool:
            async with database.connection() as connection:
                spans = await connection.fetch("SELECT DISTINCT span FROM execution_recorder.webhook_rates")
            return [row["span"] for row in spans] == ["hour"]

        # Counts by minute go in any case; the same rounds would have deleted the history.
        await eventually(minutes_are_gone)
    assert len(await _ids(database, "webhook_logs")) == left


async def test_pruning_outlives_a_database_that_fails(
    database: Database, given: Any, database_url: str, eventually: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also a failure that nobody has thought of must not end it, and the service with it."""
    module = "execution_recorder.entrypoints.pruning"
    monkeypatch.setattr(f"{module}._RETRY_SECONDS", 0.05)
    monkeypatch.setattr(f"{module}._ROUND_SECONDS", 0.05)
    await _fill(database, given, count=10, at=datetime.now(UTC) - 40 * DAY)
    admin = await asyncpg.connect(database_url)
    await admin.execute("ALTER TABLE execution_recorder.webhook_logs RENAME TO hidden")
    task = PruningTask(
        PostgresPruning(database), kept=30 * DAY, now=lambda: datetime.now(UTC), metrics=Metrics()
    )
    await task.start()
    await asyncio.sleep(0.3)
    (running,) = task.tasks()
    assert not running.done()
    # No table of this name can be deleted from: a refusal that is not on any list.
    await admin.execute(
        "CREATE VIEW execution_recorder.webhook_logs AS"
        " SELECT DISTINCT id, created_at FROM execution_recorder.hidden"
    )
    await asyncio.sleep(0.3)
    assert not running.done()
    await admin.execute("DROP VIEW execution_recorder.webhook_logs")
    await admin.execute("ALTER TABLE execution_recorder.hidden RENAME TO webhook_logs")

    async def pruned() -> bool:
        return not await _ids(database, "webhook_logs")

    await eventually(pruned)
    await task.stop()
    await admin.close()
