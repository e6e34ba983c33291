"""When an execution that Temporal does not know is over."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
import pytest

from execution_recorder.domain.execution import (
    End,
    ExecutionRecord,
    ExecutionStatus,
    Origin,
    TemporalRun,
    evolve,
)
from execution_recorder.domain.open_execution import OpenExecution, conclude_unknown

_AT = datetime(2026, 11, 1, tzinfo=UTC)
_ORIGIN = Origin(
    workspace="acme",
    trigger_id=UUID(int=1),
    trigger_type="webhook",
    trigger_name=None,
    workflow_id=UUID(int=2),
    cause_kind="delivery",
    cause_id="d1",
    at=_AT,
)
_RUN = TemporalRun(workflow_id="w", run_id="r")
_ACCEPTED = OpenExecution(id=UUID(int=7), origin=_ORIGIN, temporal=None)
_RUNNING = OpenExecution(id=UUID(int=7), origin=_ORIGIN, temporal=_RUN)


@pytest.mark.parametrize("after", [timedelta(), timedelta(days=400)])
def test_what_has_started_and_is_unknown_is_lost_at_once(after: timedelta) -> None:
    record = conclude_unknown(_RUNNING, now=_AT + after)
    assert record is not None
    assert record.status is ExecutionStatus.TERMINATED
    assert record.end is not None
    assert (record.end.at, record.temporal, record.origin) == (_AT + after, _RUN, _ORIGIN)
    assert msgspec.json.decode(record.end.error or "")["code"] == "lost"


@pytest.mark.parametrize(
    ("after", "lost"),
    [
        (timedelta(), False),
        (timedelta(days=14), False),
        (timedelta(days=15), False),
        (timedelta(days=15, seconds=1), True),
        (timedelta(days=-1), False),
    ],
)
def test_what_may_still_wait_on_the_bus_is_not_lost(after: timedelta, lost: bool) -> None:
    assert (conclude_unknown(_ACCEPTED, now=_AT + after) is not None) is lost


@pytest.mark.parametrize("status", list(ExecutionStatus)[2:])
def test_the_end_that_comes_after_all_replaces_the_conclusion(status: ExecutionStatus) -> None:
    concluded = conclude_unknown(_RUNNING, now=_AT)
    assert concluded is not None
    own = ExecutionRecord(
        id=concluded.id,
        origin=_ORIGIN,
        end=End(at=_AT + timedelta(days=1), status=status, error="{}", temporal=_RUN),
    )
    for record in (evolve(concluded, own), evolve(own, concluded)):
        assert record.status is status
        # A termination that Temporal knows of is one as well: the earlier of the two is as good.
        if status is not ExecutionStatus.TERMINATED:
            assert record.end == own.end
