"""The statement that PostgreSQL runs makes the same row as the fold in Python."""

import asyncio
from datetime import UTC, datetime, timedelta
from functools import reduce
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import Raw

from execution_recorder.adapters.postgres_executions import PostgresExecutions
from execution_recorder.adapters.postgres_recording import PostgresRecording
from execution_recorder.domain.execution import (
    End,
    ExecutionRecord,
    ExecutionStatus,
    Origin,
    Start,
    TemporalRun,
    evolve,
)
from execution_recorder.read_model import ExecutionCause, ExecutionDocument
from trigger_runtime.postgres import Database

pytestmark = pytest.mark.integration

# Few values, so that ties and partial ties are the rule and not the exception.
_TIMES = st.integers(0, 2).map(lambda second: datetime(2026, 11, 1, 0, 0, second, tzinfo=UTC))
_TEXTS = st.sampled_from(["", "a", "B", "é", "\U0001f600"])
_JSON = st.sampled_from(["null", "1", "{}", '{ "a": "\\u0000" }', "[1e130000]"])
_RUNS = st.builds(TemporalRun, workflow_id=_TEXTS, run_id=_TEXTS)
_IDS = st.integers(1, 2).map(lambda number: UUID(int=number))

_ORIGINS = st.builds(
    Origin,
    workspace=st.just("acme"),
    trigger_id=_IDS,
    trigger_type=st.sampled_from(["webhook", "event"]),
    trigger_name=st.none() | _TEXTS,
    workflow_id=_IDS,
    cause_kind=st.sampled_from(["delivery", "manual"]),
    cause_id=_TEXTS,
    at=_TIMES,
)
_STARTS = st.builds(
    Start, at=_TIMES, workflow_version=st.none() | st.integers(0, 2), payload=_JSON, temporal=_RUNS
)
_ENDS = st.builds(
    End,
    at=_TIMES.filter(lambda at: at.second < 2),
    # Mostly one status, so that what decides is what comes after it.
    status=st.just(ExecutionStatus.COMPLETED)
    | st.sampled_from([status for status in ExecutionStatus if status not in {"accepted", "running"}]),
    outputs=st.none() | st.sampled_from(["1", "2"]),
    error=st.none() | st.sampled_from(["{}", "[]"]),
    temporal=_RUNS,
)
_RECORDS = st.one_of(
    st.builds(ExecutionRecord, id=st.just(UUID(int=0)), origin=_ORIGINS),
    st.builds(ExecutionRecord, id=st.just(UUID(int=0)), origin=_ORIGINS, start=_STARTS),
    st.builds(ExecutionRecord, id=st.just(UUID(int=0)), origin=_ORIGINS, end=_ENDS),
)


@st.composite
def _histories(draw: st.DrawFn) -> tuple[list[ExecutionRecord], list[ExecutionRecord]]:
    """Draw facts, and one order of them with repetitions in which they arrive."""
    facts = draw(st.lists(_RECORDS, min_size=1, max_size=6))
    again = draw(st.lists(st.sampled_from(facts), max_size=4))
    return facts, draw(st.permutations([*facts, *again]))


def _raw(text: str | None) -> Raw | None:
    return None if text is None else Raw(text)


def _expected(record: ExecutionRecord) -> ExecutionDocument:
    start, end, temporal = record.start, record.end, record.temporal
    return ExecutionDocument(
        id=record.id,
        trigger_id=record.origin.trigger_id,
        trigger_type=record.origin.trigger_type,
        trigger_name=record.origin.trigger_name,
        workflow_id=record.origin.workflow_id,
        workflow_version=start.workflow_version if start else None,
        status=record.status,
        payload=_raw(start.payload if start else None),
        outputs=_raw(end.outputs if end else None),
        error=_raw(end.error if end else None),
        cause=ExecutionCause(kind=record.origin.cause_kind, id=record.origin.cause_id),
        temporal_workflow_id=temporal.workflow_id if temporal else None,
        temporal_run_id=temporal.run_id if temporal else None,
        accepted_at=record.origin.at,
        started_at=start.at if start else None,
        completed_at=end.at if end else None,
    )


@pytest.mark.parametrize("way", ["one after the other", "all at once"])
@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(history=_histories())
async def test_any_order_and_repetition_ends_in_the_row_of_the_fold(
    database: Database, way: str, history: tuple[list[ExecutionRecord], list[ExecutionRecord]]
) -> None:
    execution_id = uuid4()
    facts, arrivals = ([_renamed(record, execution_id) for record in records] for records in history)
    recording = PostgresRecording(database)
    if way == "all at once":
        await asyncio.gather(*(recording.record(logs=(), executions=[record]) for record in arrivals))
    else:
        for record in arrivals:
            await recording.record(logs=(), executions=[record])
    stored = await PostgresExecutions(database).get(execution_id, workspace="acme")
    assert stored == _expected(reduce(evolve, facts))


def _renamed(record: ExecutionRecord, execution_id: UUID) -> ExecutionRecord:
    return ExecutionRecord(id=execution_id, origin=record.origin, start=record.start, end=record.end)


async def test_batches_that_share_executions_do_not_deadlock(database: Database) -> None:
    recording = PostgresRecording(database)
    ids = [uuid4() for _ in range(200)]
    at = datetime(2026, 11, 1, tzinfo=UTC)

    def batch(number: int) -> list[ExecutionRecord]:
        accepted: dict[str, Any] = {
            "workspace": "acme",
            "trigger_id": UUID(int=1),
            "trigger_type": "webhook",
            "trigger_name": "push",
            "workflow_id": UUID(int=2),
            "cause_kind": "delivery",
            "cause_id": str(number),
            "at": at + timedelta(seconds=number),
        }
        order = ids if number % 2 else list(reversed(ids))
        return [ExecutionRecord(id=each, origin=Origin(**accepted)) for each in order]

    await asyncio.gather(*(recording.record(logs=(), executions=batch(n)) for n in range(12)))
    for each in (ids[0], ids[-1]):
        stored = await PostgresExecutions(database).get(each, workspace="acme")
        assert stored is not None
        assert (stored.cause.id, stored.accepted_at) == ("0", at)
