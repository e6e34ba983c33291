"""Runs of ``triggeredWorkflow`` that are closed in Temporal: what is recorded of those that did not do it."""

from datetime import datetime
from typing import Any, Final, assert_never
from uuid import UUID

import msgspec

from orchestrator_worker.domain.limits import truncated
from orchestrator_worker.domain.starts import execution_of, fired_run
from trigger_contracts.executions import (
    Execution,
    ExecutionCancelled,
    ExecutionCompleted,
    ExecutionError,
    ExecutionFact,
    ExecutionFailed,
    ExecutionTerminated,
    ExecutionTimedOut,
)
from trigger_contracts.workflow_io import Cancelled, Completed, Failed, TimedOut, TriggeredInput

TERMINATED: Final = "terminated"


class Terminated(msgspec.Struct, frozen=True, kw_only=True):
    """Ended from outside; ``reason`` is the text that Temporal got, which may be empty."""

    reason: str


class ClosedRun(msgspec.Struct, frozen=True, kw_only=True):
    """``execution_id`` is from the memo, where the run got so far; ``nominal_time`` is a schedule's.

    The times are Temporal's.
    """

    start: TriggeredInput
    workflow_id: str
    run_id: str
    closing: Completed | Failed | Cancelled | TimedOut | Terminated
    started_at: datetime
    closed_at: datetime
    nominal_time: datetime | None
    execution_id: UUID | None

    @property
    def fire_time(self) -> datetime:
        """The time that a schedule's run was due; one that a person started has only its own."""
        return self.nominal_time or self.started_at


def end_of(closed: ClosedRun, *, backfill: UUID | None) -> ExecutionFact:
    """Return the fact that the run would have recorded, or could not. ``backfill`` is as for a fire."""
    common: dict[str, Any] = {
        "execution": _execution(closed, backfill=backfill),
        "at": closed.closed_at,
        "temporal_workflow_id": closed.workflow_id,
        "temporal_run_id": closed.run_id,
    }
    match closed.closing:
        case Terminated(reason=reason):
            message = truncated(reason) or "The run was terminated in Temporal"
            return ExecutionTerminated(error=ExecutionError(code=TERMINATED, message=message), **common)
        case Completed(outputs=outputs):
            return ExecutionCompleted(outputs=outputs, **common)
        case Failed(error=error):
            return ExecutionFailed(error=error, **common)
        case TimedOut(error=error):
            return ExecutionTimedOut(error=error, **common)
        case Cancelled():
            return ExecutionCancelled(**common)
        case _ as never:
            assert_never(never)


def _execution(closed: ClosedRun, *, backfill: UUID | None) -> Execution:
    run = closed.start.run or fired_run(
        closed.start, nominal_time=closed.fire_time, fired_at=closed.started_at, backfill=backfill
    )
    if closed.execution_id is not None:
        run = msgspec.structs.replace(run, execution_id=closed.execution_id)
    return execution_of(closed.start, run=run)
