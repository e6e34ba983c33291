"""Lifecycle facts and manual firings as records.

The contract decodes ``payload`` and ``outputs`` into Python values, which loses what JSON can say and
Python cannot (``1e130000``, the exact digits of a number). A record must not lose it, so the two facts
that carry such values are read here with that part left as the text it came as.
"""

from typing import Final
from uuid import UUID

import msgspec

from execution_recorder.domain.execution import (
    End,
    ExecutionRecord,
    ExecutionStatus,
    Origin,
    Start,
    TemporalRun,
)
from execution_recorder.domain.storable_text import storable
from trigger_contracts.codec import Codec, MalformedMessageError, tag_of
from trigger_contracts.executions import (
    CauseKind,
    Execution,
    ExecutionCancelled,
    ExecutionCompleted,
    ExecutionFact,
    ExecutionFailed,
    ExecutionStarted,
    ExecutionTerminated,
    ExecutionTimedOut,
)
from trigger_contracts.firings import ManualFiring


class RawExecutionStarted(ExecutionStarted, tag=tag_of(ExecutionStarted), frozen=True, kw_only=True):
    """``ExecutionStarted`` with the payload's own text."""

    payload: msgspec.Raw


class RawExecutionCompleted(ExecutionCompleted, tag=tag_of(ExecutionCompleted), frozen=True, kw_only=True):
    """``ExecutionCompleted`` with the outputs' own text."""

    outputs: msgspec.Raw


AnyRawFact = (
    RawExecutionStarted
    | RawExecutionCompleted
    | ExecutionFailed
    | ExecutionCancelled
    | ExecutionTimedOut
    | ExecutionTerminated
)

RAW_FACTS: Final[Codec[AnyRawFact]] = Codec(
    RawExecutionStarted,
    RawExecutionCompleted,
    ExecutionFailed,
    ExecutionCancelled,
    ExecutionTimedOut,
    ExecutionTerminated,
)


BACKFILL: Final = "backfill"
"""The kind of cause of a schedule's fire that was run again; on the bus it is a part of the cause."""


def record_of_fact(fact: AnyRawFact) -> ExecutionRecord:
    """Return the record of one fact. Raises ``MalformedMessageError`` for JSON that is not UTF-8."""
    record = ExecutionRecord(id=fact.execution.id, origin=_origin(fact.execution))
    temporal = TemporalRun(
        workflow_id=storable(fact.temporal_workflow_id), run_id=storable(fact.temporal_run_id)
    )
    if isinstance(fact, RawExecutionStarted):
        start = Start(
            at=fact.at,
            workflow_version=fact.workflow_version,
            payload=_text(fact.payload),
            temporal=temporal,
        )
        return msgspec.structs.replace(record, start=start)
    return msgspec.structs.replace(record, end=_end(fact, temporal=temporal))


def record_of_manual_firing(firing: ManualFiring) -> ExecutionRecord:
    """Return the accepted execution whose id was returned."""
    return ExecutionRecord(
        id=firing.execution_id,
        origin=Origin(
            workspace=storable(firing.workspace),
            trigger_id=firing.trigger_id,
            trigger_type=firing.trigger_type.value,
            trigger_name=storable(firing.trigger_name),
            workflow_id=firing.workflow_id,
            cause_kind=CauseKind.MANUAL.value,
            cause_id=storable(firing.request_id),
            at=firing.requested_at,
        ),
    )


def _origin(execution: Execution) -> Origin:
    return Origin(
        workspace=storable(execution.workspace),
        trigger_id=execution.trigger_id,
        trigger_type=execution.trigger_type.value,
        trigger_name=storable(execution.trigger_name),
        workflow_id=execution.workflow_id,
        cause_kind=BACKFILL if isinstance(execution.cause.backfill, UUID) else execution.cause.kind.value,
        cause_id=storable(execution.cause.id),
        at=execution.accepted_at,
    )


_End = RawExecutionCompleted | ExecutionFailed | ExecutionCancelled | ExecutionTimedOut | ExecutionTerminated

_STATUS_OF: Final[dict[type[ExecutionFact], ExecutionStatus]] = {
    RawExecutionCompleted: ExecutionStatus.COMPLETED,
    ExecutionFailed: ExecutionStatus.FAILED,
    ExecutionCancelled: ExecutionStatus.CANCELLED,
    ExecutionTimedOut: ExecutionStatus.TIMED_OUT,
    ExecutionTerminated: ExecutionStatus.TERMINATED,
}


def _end(fact: _End, *, temporal: TemporalRun) -> End:
    outputs = _text(fact.outputs) if isinstance(fact, RawExecutionCompleted) else None
    error = None
    if isinstance(fact, ExecutionFailed | ExecutionTimedOut | ExecutionTerminated) and fact.error:
        error = msgspec.json.encode(fact.error).decode()
    return End(at=fact.at, status=_STATUS_OF[type(fact)], outputs=outputs, error=error, temporal=temporal)


def _text(raw: msgspec.Raw) -> str:
    # Decoding to Raw checks the grammar but, unlike decoding to a value, not the encoding.
    try:
        return bytes(raw).decode()
    except UnicodeDecodeError as error:
        raise MalformedMessageError(f"not a message of this stream: {error}") from error
