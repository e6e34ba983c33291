"""An execution without an end, and when none will come any more."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from execution_recorder.domain.execution import End, ExecutionRecord, ExecutionStatus, Origin, TemporalRun

LOST: Final = "lost"
"""Error code: Temporal does not know the execution, and will not."""

_LONGEST_WAIT: Final = timedelta(days=15)
"""The bus keeps what asks for a start for 14 days."""

_RUN_GONE: Final = (
    "Temporal does not know its run any more: deleted there, or from before Temporal was restored"
)
_NEVER_STARTED: Final = "It was accepted and did not start: the bus does not have its message any more"


class OpenExecution(msgspec.Struct, frozen=True, kw_only=True):
    """``temporal`` is the run that started; ``None`` where no start is on record."""

    id: UUID
    origin: Origin
    temporal: TemporalRun | None


def conclude_unknown(execution: OpenExecution, *, now: datetime) -> ExecutionRecord | None:
    """Return the record of one that Temporal does not know; ``None`` where it may still start.

    What is wrongly taken for lost is replaced by its own end: a conclusion ranks last.
    """
    if execution.temporal is None and now - execution.origin.at <= _LONGEST_WAIT:
        return None
    error = {"code": LOST, "message": _RUN_GONE if execution.temporal else _NEVER_STARTED, "node": None}
    end = End(
        at=now,
        status=ExecutionStatus.TERMINATED,
        error=msgspec.json.encode(error).decode(),
        temporal=execution.temporal or TemporalRun(workflow_id="", run_id=""),
    )
    return ExecutionRecord(id=execution.id, origin=execution.origin, end=end)
