"""Stream ``EXECUTIONS``: the lifecycle facts of executions."""

from enum import StrEnum
from typing import Any, Final
from uuid import UUID

import msgspec

from trigger_contracts.codec import Codec, Message, Part
from trigger_contracts.config import Time, TriggerType


class CauseKind(StrEnum):
    """What asked for the execution."""

    DELIVERY = "delivery"
    EVENT = "event"
    SCHEDULE = "schedule"
    MANUAL = "manual"
    REPLAY = "replay"


class Cause(Part, frozen=True, kw_only=True):
    """The delivery id, the event's id, the nominal fire time, or the id of the request."""

    kind: CauseKind
    id: str
    backfill: UUID | msgspec.UnsetType = msgspec.UNSET
    """The request behind a schedule's run: it repeats a fire, under an execution id of its own.

    Not a kind: a reader that does not know it records a run of the schedule, and has to take no new value.
    """


class Execution(Part, frozen=True, kw_only=True):
    """Who an execution is: the same in every fact, so that any fact alone can begin a record."""

    id: UUID
    workspace: str
    trigger_id: UUID
    trigger_type: TriggerType
    trigger_name: str
    workflow_id: UUID
    cause: Cause
    accepted_at: Time


class ExecutionError(Part, frozen=True, kw_only=True):
    """Why an execution did not complete. ``node`` is the id of the node that failed."""

    code: str
    message: str
    node: str | None = None


class ExecutionFact(Message, frozen=True, kw_only=True):
    """What every fact carries. ``at`` is when it became true."""

    execution: Execution
    at: Time
    temporal_workflow_id: str
    temporal_run_id: str


class ExecutionStarted(ExecutionFact, tag="ExecutionStarted/1", frozen=True, kw_only=True):
    """On ``executions.started``."""

    workflow_version: int | None
    """``None`` where no definition was found; the failure follows."""
    payload: Any


class ExecutionCompleted(ExecutionFact, tag="ExecutionCompleted/1", frozen=True, kw_only=True):
    """On ``executions.completed``."""

    outputs: Any


class ExecutionFailed(ExecutionFact, tag="ExecutionFailed/1", frozen=True, kw_only=True):
    """On ``executions.failed``."""

    error: ExecutionError


class ExecutionCancelled(ExecutionFact, tag="ExecutionCancelled/1", frozen=True, kw_only=True):
    """On ``executions.cancelled``."""


class ExecutionTimedOut(ExecutionFact, tag="ExecutionTimedOut/1", frozen=True, kw_only=True):
    """On ``executions.timed_out``."""

    error: ExecutionError


class ExecutionTerminated(ExecutionFact, tag="ExecutionTerminated/1", frozen=True, kw_only=True):
    """On ``executions.terminated``: ended from outside, by a person or an overlap policy."""

    error: ExecutionError | msgspec.UnsetType = msgspec.UNSET
    """The reason in Temporal. Older readers pass over it."""


AnyExecutionFact = (
    ExecutionStarted
    | ExecutionCompleted
    | ExecutionFailed
    | ExecutionCancelled
    | ExecutionTimedOut
    | ExecutionTerminated
)

NAME_OF: Final[dict[type[ExecutionFact], str]] = {
    ExecutionStarted: "started",
    ExecutionCompleted: "completed",
    ExecutionFailed: "failed",
    ExecutionCancelled: "cancelled",
    ExecutionTimedOut: "timed_out",
    ExecutionTerminated: "terminated",
}
"""The last token of each fact's subject."""

FACTS: Final[Codec[AnyExecutionFact]] = Codec(*NAME_OF)
