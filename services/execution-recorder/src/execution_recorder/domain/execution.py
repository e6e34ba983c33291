"""An execution's record: a fold of facts that may come in any order, repeatedly, from several readers.

The record is three registers: who asked for it, how it started, how it ended. Each keeps the *first* of
all the values that it ever got, by the time at which the value became true and, for equal times, by a
fixed order of what is in it. Ends are compared by kind before that: a clock must not decide whether what an
execution reports or what was concluded about it stays. Taking the smaller of two values is commutative,
associative and idempotent, so the same facts always make the same record.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

import msgspec


class ExecutionStatus(StrEnum):
    """How far an execution is."""

    ACCEPTED = "accepted"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out"
    TERMINATED = "terminated"


PRECEDENCE: Final = (
    ExecutionStatus.COMPLETED,
    ExecutionStatus.FAILED,
    ExecutionStatus.TIMED_OUT,
    ExecutionStatus.CANCELLED,
    ExecutionStatus.TERMINATED,
    ExecutionStatus.RUNNING,
    ExecutionStatus.ACCEPTED,
)
"""Which status is kept of two, whatever their times: what an execution reports of its end comes before a
conclusion about it, and any end before a status that is not one."""


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """Who asked for the execution, and for which trigger."""

    workspace: str
    trigger_id: UUID
    trigger_type: str
    trigger_name: str | None
    workflow_id: UUID
    cause_kind: str
    cause_id: str
    at: datetime

    def order(self) -> tuple[Any, ...]:
        """Return the key whose smallest value is kept: with a name first, then the earliest."""
        return (
            self.trigger_name is None,
            self.at,
            self.cause_kind,
            self.cause_id,
            self.trigger_name or "",
            self.workflow_id,
            self.trigger_id,
            self.trigger_type,
            self.workspace,
        )


class TemporalRun(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """Where Temporal runs it."""

    workflow_id: str
    run_id: str


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """What is known once it runs. ``payload`` is JSON text, exactly as it was sent."""

    at: datetime
    workflow_version: int | None
    payload: str
    temporal: TemporalRun

    def order(self) -> tuple[Any, ...]:
        """Return the key whose smallest value is kept."""
        version = self.workflow_version
        return (self.at, version is None, version or 0, self.payload, self.temporal)


class End(msgspec.Struct, frozen=True, kw_only=True):
    """How it ended. ``outputs`` and ``error`` are JSON text, exactly as they were sent."""

    at: datetime
    status: ExecutionStatus
    outputs: str | None = None
    error: str | None = None
    temporal: TemporalRun

    def order(self) -> tuple[Any, ...]:
        """Return the key whose smallest value is kept."""
        return (
            PRECEDENCE.index(self.status),
            self.at,
            self.outputs is None,
            self.outputs or "",
            self.error is None,
            self.error or "",
            self.temporal,
        )


class ExecutionRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of an execution; one fact alone is a record too."""

    id: UUID
    origin: Origin
    start: Start | None = None
    end: End | None = None

    @property
    def status(self) -> ExecutionStatus:
        """How far it is."""
        if self.end is not None:
            return self.end.status
        return ExecutionStatus.ACCEPTED if self.start is None else ExecutionStatus.RUNNING

    @property
    def temporal(self) -> TemporalRun | None:
        """The run that started; where only an end is known, the run that ended."""
        if self.start is not None:
            return self.start.temporal
        return None if self.end is None else self.end.temporal


def evolve(known: ExecutionRecord, news: ExecutionRecord) -> ExecutionRecord:
    """Return the record with what another record of the same execution adds to it."""
    return ExecutionRecord(
        id=known.id,
        origin=min(known.origin, news.origin, key=Origin.order),
        start=min(filter(None, (known.start, news.start)), key=Start.order, default=None),
        end=min(filter(None, (known.end, news.end)), key=End.order, default=None),
    )
