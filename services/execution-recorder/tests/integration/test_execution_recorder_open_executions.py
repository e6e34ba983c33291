"""Executions whose end is not on record: Temporal is asked, through orchestrator-worker, until it is."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio
from nats.aio.client import Client

from execution_recorder.adapters.postgres_open_executions import PostgresOpenExecutions
from execution_recorder.entrypoints import open_executions
from trigger_contracts import executions, run_states, streams
from trigger_contracts.codec import encode
from trigger_contracts.run_states import RecordedRun, RunsDescribed

pytestmark = pytest.mark.integration

RUN = {"temporal_workflow_id": "execution-x", "temporal_run_id": "r-1"}


class Worker:
    """In place of orchestrator-worker: says of executions what a test says."""

    def __init__(self) -> None:
        self.says: dict[UUID, str] = {}
        self.asked: list[RecordedRun] = []

    async def reply(self, message: Any) -> None:
        request = run_states.REQUESTS.decode(message.data)
        self.asked.extend(request.runs)
        lists: dict[str, list[UUID]] = {"running": [], "ended": [], "unknown": []}
        for run in request.runs:
            if run.execution_id in self.says:
                lists[self.says[run.execution_id]].append(run.execution_id)
        reply = RunsDescribed(**{name: tuple(items) for name, items in lists.items()})
        await message.respond(encode(reply))

    def asked_of(self, execution_id: UUID) -> list[RecordedRun]:
        return [run for run in self.asked if run.execution_id == execution_id]


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_executions, "_ROUND_SECONDS", 0.05)
    monkeypatch.setattr(open_executions, "_PAUSE_SECONDS", 0.0)


@pytest_asyncio.fixture
async def worker(nats_url: str) -> AsyncIterator[Worker]:
    worker, client = Worker(), Client()
    await client.connect(nats_url)
    await client.subscribe(streams.DESCRIBE_RUNS, cb=worker.reply)
    yield worker
    await client.close()


@pytest_asyncio.fixture
async def rows(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


async def is_due(rows: Any, execution_id: UUID) -> None:
    """Bring the next look forward."""
    await rows.execute(
        "UPDATE execution_recorder.trigger_executions SET next_look_at = now() WHERE id = $1", execution_id
    )


async def next_look(rows: Any, execution_id: UUID) -> timedelta:
    """Return the time until the next look."""
    left: timedelta = await rows.fetchval(
        "SELECT next_look_at - now() FROM execution_recorder.trigger_executions WHERE id = $1", execution_id
    )
    return left


async def begin(recorder: Any, execution: Any) -> None:
    fact = executions.ExecutionStarted(
        execution=execution, at=execution.accepted_at, workflow_version=1, payload={}, **RUN
    )
    await recorder.publish(streams.execution("started"), fact)
    await shown(recorder, execution.id, status="running")


async def shown(recorder: Any, execution_id: UUID, *, status: str) -> Any:
    return await recorder.shown(f"/api/executions/{execution_id}", when=lambda item: item["status"] == status)


async def test_a_run_that_temporal_does_not_know_any_more_is_lost_until_its_own_end_comes(
    recorder: Any, given: Any, worker: Worker, rows: Any
) -> None:
    execution = given.execution()
    worker.says[execution.id] = "unknown"
    await begin(recorder, execution)
    await is_due(rows, execution.id)
    lost = await shown(recorder, execution.id, status="terminated")
    assert lost["error"]["code"] == "lost"
    assert (lost["startedAt"], lost["temporalRunId"]) == ("2026-11-01T12:00:00.123456Z", "r-1")
    (asked,) = worker.asked_of(execution.id)
    assert asked == RecordedRun(execution_id=execution.id, **RUN)
    answer = await recorder.ask("GET", "/metrics")
    assert b'executions_concluded_total{how="lost"} 1.0' in answer.body
    end = executions.ExecutionCompleted(
        execution=execution, at=datetime.now(UTC) + timedelta(hours=1), outputs=1, **RUN
    )
    await recorder.publish(streams.execution("completed"), end)
    assert (await shown(recorder, execution.id, status="completed"))["error"] is None


async def test_one_that_was_accepted_waits_for_as_long_as_the_bus_keeps_its_message(
    recorder: Any, given: Any, worker: Worker, rows: Any, eventually: Any
) -> None:
    young, old = (given.accepted(received_at=datetime.now(UTC) - timedelta(days=days)) for days in (14, 16))
    worker.says = {young.execution_id: "unknown", old.execution_id: "unknown"}
    await recorder.publish(*given.batch(young, old))
    for delivery in (young, old):
        await shown(recorder, delivery.execution_id, status="accepted")
        await is_due(rows, delivery.execution_id)
    assert (await shown(recorder, old.execution_id, status="terminated"))["error"]["code"] == "lost"
    await eventually(lambda: worker.asked_of(young.execution_id))
    assert worker.asked_of(young.execution_id)[0] == RecordedRun(execution_id=young.execution_id)

    async def postponed() -> bool:
        return await next_look(rows, young.execution_id) > timedelta(minutes=4)

    await eventually(postponed)
    await shown(recorder, young.execution_id, status="accepted")


async def test_what_runs_is_looked_at_rarer_the_older_it_is(
    recorder: Any, given: Any, worker: Worker, rows: Any, eventually: Any
) -> None:
    ages = {60: 30, 3600: 300, 0: 15}
    for seconds, expected in ages.items():
        execution = given.execution(accepted_at=datetime.now(UTC) - timedelta(seconds=seconds))
        worker.says[execution.id] = "running"
        await begin(recorder, execution)
        assert await next_look(rows, execution.id) < timedelta(seconds=15)
        await is_due(rows, execution.id)
        await eventually(lambda one=execution.id: worker.asked_of(one))

        async def postponed(one: UUID = execution.id, least: int = expected - 5) -> bool:
            return timedelta(seconds=least) < await next_look(rows, one) < timedelta(seconds=least + 10)

        await eventually(postponed)
        await shown(recorder, execution.id, status="running")


@pytest.mark.parametrize("says", ["ended", None])
async def test_only_what_is_unknown_is_concluded(
    recorder: Any, given: Any, worker: Worker, rows: Any, eventually: Any, says: str | None
) -> None:
    """The end of what has ended comes as a fact; what could not be looked up is asked for again."""
    execution = given.execution()
    if says:
        worker.says[execution.id] = says
    await begin(recorder, execution)
    await is_due(rows, execution.id)
    await eventually(lambda: worker.asked_of(execution.id))
    await is_due(rows, execution.id)
    await eventually(lambda: len(worker.asked_of(execution.id)) > 1)
    await shown(recorder, execution.id, status="running")
    end = executions.ExecutionTerminated(
        execution=execution,
        at=datetime.now(UTC),
        error=executions.ExecutionError(code="terminated", message="by hand"),
        **RUN,
    )
    await recorder.publish(streams.execution("terminated"), end)
    ended = await shown(recorder, execution.id, status="terminated")
    assert ended["error"] == {"code": "terminated", "message": "by hand", "node": None}
    before = len(worker.asked_of(execution.id))
    await is_due(rows, execution.id)
    other = given.execution()
    worker.says[other.id] = "unknown"
    await begin(recorder, other)
    await is_due(rows, other.id)
    await shown(recorder, other.id, status="terminated")
    assert len(worker.asked_of(execution.id)) == before


async def test_without_a_worker_nothing_is_concluded(
    recorder: Any, given: Any, rows: Any, eventually: Any, nats_url: str
) -> None:
    execution = given.execution()
    await begin(recorder, execution)
    await is_due(rows, execution.id)

    async def claimed() -> bool:
        return await next_look(rows, execution.id) > timedelta(seconds=20)

    await eventually(claimed)
    await shown(recorder, execution.id, status="running")
    worker, client = Worker(), Client()
    worker.says[execution.id] = "unknown"
    await client.connect(nats_url)
    await client.subscribe(streams.DESCRIBE_RUNS, cb=worker.reply)
    await is_due(rows, execution.id)
    await shown(recorder, execution.id, status="terminated")
    await client.close()


async def test_several_processes_look_at_different_ones(
    database: Any, database_url: str, start: Callable[..., Any], given: Any, rows: Any
) -> None:
    recorder = await (await start(database_url)).ready()
    many = [given.accepted() for _ in range(30)]
    await recorder.publish(*given.batch(*many))
    await shown(recorder, many[-1].execution_id, status="accepted")
    await recorder.service.stop()
    await rows.execute("UPDATE execution_recorder.trigger_executions SET next_look_at = now()")
    reader = PostgresOpenExecutions(database)
    claimed = [await reader.claim(limit=20), await reader.claim(limit=20), await reader.claim(limit=20)]
    assert [len(batch) for batch in claimed] == [20, 10, 0]
    assert {one.id for batch in claimed for one in batch} == {one.execution_id for one in many}
