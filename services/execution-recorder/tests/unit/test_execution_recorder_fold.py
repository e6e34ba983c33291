"""The fold of an execution's facts is the same for every order and repetition of them."""

from datetime import UTC, datetime, timedelta
from functools import reduce
from itertools import permutations
from uuid import UUID

import msgspec
import pytest

from execution_recorder.domain.execution import (
    PRECEDENCE,
    End,
    ExecutionRecord,
    ExecutionStatus,
    Origin,
    Start,
    TemporalRun,
    evolve,
)

_ID = UUID(int=7)
_T0 = datetime(2026, 11, 1, tzinfo=UTC)


def _at(seconds: int) -> datetime:
    return _T0 + timedelta(seconds=seconds)


def _acceptance(seconds: int, *, cause: str = "d1", name: str | None = "push") -> Origin:
    return Origin(
        workspace="acme",
        trigger_id=UUID(int=1),
        trigger_type="webhook",
        trigger_name=name,
        workflow_id=UUID(int=2),
        cause_kind="delivery",
        cause_id=cause,
        at=_at(seconds),
    )


def _run(run_id: str) -> TemporalRun:
    return TemporalRun(workflow_id="w", run_id=run_id)


_ACCEPTED = ExecutionRecord(id=_ID, origin=_acceptance(0))
_STARTED = msgspec.structs.replace(
    _ACCEPTED, start=Start(at=_at(1), workflow_version=3, payload="{}", temporal=_run("r1"))
)
_COMPLETED = msgspec.structs.replace(
    _ACCEPTED, end=End(at=_at(2), status=ExecutionStatus.COMPLETED, outputs="1", temporal=_run("r2"))
)
_TERMINATED = msgspec.structs.replace(
    _ACCEPTED, end=End(at=_at(3), status=ExecutionStatus.TERMINATED, temporal=_run("r2"))
)
_RETRIED = ExecutionRecord(id=_ID, origin=_acceptance(9, cause="d2"))
_FACTS = (_ACCEPTED, _STARTED, _COMPLETED, _TERMINATED, _RETRIED)


def test_every_order_ends_in_the_same_record() -> None:
    ends = {msgspec.json.encode(reduce(evolve, order)) for order in permutations(_FACTS)}
    assert len(ends) == 1


def test_repetition_changes_nothing() -> None:
    once = reduce(evolve, _FACTS)
    assert reduce(evolve, [*_FACTS, *_FACTS], once) == once


def test_the_first_end_stays() -> None:
    record = reduce(evolve, [_COMPLETED, _TERMINATED])
    assert record.status is ExecutionStatus.COMPLETED
    assert record.end == _COMPLETED.end


def test_of_two_ends_of_one_kind_the_first_stays() -> None:
    later = msgspec.structs.replace(
        _ACCEPTED, end=End(at=_at(5), status=ExecutionStatus.COMPLETED, outputs="0", temporal=_run("r0"))
    )
    assert evolve(later, _COMPLETED).end == _COMPLETED.end


@pytest.mark.parametrize("seconds", [-3600, 0, 3600], ids=["a clock ahead", "equal clocks", "a clock behind"])
@pytest.mark.parametrize(
    ("reported", "concluded"),
    [
        (reported, concluded)
        for index, reported in enumerate(PRECEDENCE)
        for concluded in PRECEDENCE[index + 1 :]
        if concluded not in {ExecutionStatus.RUNNING, ExecutionStatus.ACCEPTED}
    ],
)
def test_no_clock_decides_between_ends_of_two_kinds(
    reported: ExecutionStatus, concluded: ExecutionStatus, seconds: int
) -> None:
    kept, other = (
        msgspec.structs.replace(_ACCEPTED, end=End(at=at, status=status, error="{}", temporal=_run("r2")))
        for status, at in ((reported, _at(2)), (concluded, _at(2 + seconds)))
    )
    assert evolve(other, kept).end == evolve(kept, other).end == kept.end


def test_status_only_moves_forward() -> None:
    record = evolve(_STARTED, _ACCEPTED)
    assert record.status is ExecutionStatus.RUNNING
    assert evolve(_COMPLETED, _STARTED).status is ExecutionStatus.COMPLETED


def test_what_the_start_knows_is_filled_in_after_the_end() -> None:
    record = evolve(_COMPLETED, _STARTED)
    assert record.start == _STARTED.start
    assert record.temporal == _run("r1")


def test_a_redelivery_changes_nothing() -> None:
    assert evolve(_ACCEPTED, _RETRIED) == _ACCEPTED


def test_a_name_is_filled_in() -> None:
    nameless = ExecutionRecord(id=_ID, origin=_acceptance(0, name=None))
    assert evolve(nameless, _ACCEPTED).origin.trigger_name == "push"
