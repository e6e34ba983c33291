"""What crosses Temporal: names of workflows and activities, their inputs and their results."""

from typing import Any, Final
from uuid import UUID

import msgspec

from trigger_contracts.codec import Part
from trigger_contracts.config import Time, TriggerType
from trigger_contracts.definition import WorkflowDefinition
from trigger_contracts.executions import Cause, Execution, ExecutionError

TASK_QUEUE: Final = "flowmaestro-orchestrator"

TRIGGERED_WORKFLOW: Final = "triggeredWorkflow"
ORCHESTRATOR_WORKFLOW: Final = "orchestratorWorkflow"
PREPARE_TRIGGERED_EXECUTION: Final = "prepareTriggeredExecution"
COMPLETE_TRIGGERED_EXECUTION: Final = "completeTriggeredExecution"
IDENTIFY_FIRE: Final = "identifyFire"

WORKFLOW_NOT_FOUND: Final = "workflow_not_found"
"""Error code: the trigger's workflow does not exist (any more)."""
OUT_OF_TIME: Final = "out_of_time"
"""Type of the error with which ``orchestratorWorkflow`` ends when its definition's timeout is over."""


MAX_INPUT_BYTES: Final = 2 * 1024 * 1024 - 64 * 1024
"""An input or result as JSON, with room for what is sent with it: its metadata, memo and headers.

Temporal refuses a payload over 2 MiB (``limit.blobSize.error``) and a gRPC message over 4 MiB, the second
with the code of an overloaded server. So the sender checks: a refusal would look as if waiting could help.
"""

MAX_VALUE_BYTES: Final = 3 * 1024 * 1024 // 2
"""A payload or a node's output as JSON. A webhook's body of 1 MiB is 1.4 MiB as base64 and must fit, also as
the output of a definition that hands it on."""

_SUMMARY_BYTES: Final = 200
"""Temporal refuses a start whose summary is over 400 bytes, its encoding included."""


def execution_workflow_id(execution_id: UUID) -> str:
    """Return the id of the Temporal workflow of an execution that a dispatcher starts.

    Made of the execution id alone, so that a redelivered message cannot start it twice.
    """
    return f"execution-{execution_id}"


def scheduled_workflow_id(trigger_id: UUID) -> str:
    """Return the id that Temporal completes with ``-<nominal UTC time>`` for a schedule's runs."""
    return f"scheduled-{trigger_id}"


class TriggeredRun(Part, frozen=True, kw_only=True):
    """An execution whose identity and payload are known before it starts."""

    execution_id: UUID
    cause: Cause
    accepted_at: Time
    payload: Any
    workflow_version: int | None = None
    """The oldest version of the workflow that may run; ``None`` is any."""


class ScheduledRun(Part, frozen=True, kw_only=True):
    """A schedule's fire: identity and payload follow from the nominal time, which Temporal knows."""

    input: Any = None


class TriggeredInput(Part, frozen=True, kw_only=True):
    """Input of ``triggeredWorkflow``; exactly one of ``run`` and ``scheduled`` is there."""

    workspace: str
    trigger_id: UUID
    trigger_type: TriggerType
    trigger_name: str
    workflow_id: UUID
    run: TriggeredRun | None = None
    scheduled: ScheduledRun | None = None


class StartOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How ``triggeredWorkflow`` is started, in the words of Temporal's clients."""

    workflow: str = TRIGGERED_WORKFLOW
    id: str
    task_queue: str = TASK_QUEUE
    static_summary: str
    """What Temporal's interface shows of a run."""
    memo: dict[str, str] | None = None
    """A schedule's runs write it themselves, once their execution id is known."""
    id_reuse_policy: str = "REJECT_DUPLICATE"
    """A name of ``WorkflowIDReusePolicy``: an execution id is started once, running or closed.

    A schedule has no such policies: Temporal gives each of its runs an id of its own.
    """
    id_conflict_policy: str = "FAIL"
    """A name of ``WorkflowIDConflictPolicy``."""


def start_options(start: TriggeredInput) -> StartOptions:
    """Return how a run is started, or each run of a schedule where the input has no run."""
    summary = run_summary(start.trigger_name)
    if start.run is None:
        return StartOptions(id=scheduled_workflow_id(start.trigger_id), static_summary=summary)
    return StartOptions(
        id=execution_workflow_id(start.run.execution_id),
        static_summary=summary,
        memo=run_memo(start, execution_id=start.run.execution_id),
    )


def run_summary(trigger_name: str) -> str:
    """Return the one line about a run that Temporal's interface shows."""
    text = " ".join(trigger_name.split())
    return text.encode()[:_SUMMARY_BYTES].decode(errors="ignore")


def run_memo(start: TriggeredInput, *, execution_id: UUID) -> dict[str, str]:
    """Return what Temporal's interface shows of a run besides."""
    return {
        "executionId": str(execution_id),
        "triggerId": str(start.trigger_id),
        "triggerName": start.trigger_name,
    }


def encoded_size(value: Any) -> int:
    """Return the bytes of a value as Temporal gets it."""
    return len(msgspec.json.encode(value))


class IdentifyFireInput(Part, frozen=True, kw_only=True):
    """Input of ``identifyFire``: a run that began well after its nominal time."""

    trigger_id: UUID
    nominal_time: Time
    started_at: Time


class FireIdentity(Part, frozen=True, kw_only=True):
    """Result of ``identifyFire``; ``None`` is a fire of the schedule itself."""

    backfill: UUID | None


class PrepareInput(Part, frozen=True, kw_only=True):
    """Input of ``prepareTriggeredExecution``."""

    execution: Execution
    payload: Any
    workflow_version: int | None = None
    """The oldest version that may run. The bus may be behind the API that accepted the run."""


class PreparedExecution(Part, frozen=True, kw_only=True):
    """Result of ``prepareTriggeredExecution``: the definition as it is now, pinned for this execution."""

    workflow_version: int
    definition: WorkflowDefinition


class OrchestratorInput(Part, frozen=True, kw_only=True):
    """Input of ``orchestratorWorkflow``."""

    execution: Execution
    workflow_version: int
    definition: WorkflowDefinition
    payload: Any


class OrchestratorResult(Part, frozen=True, kw_only=True):
    """Result of ``orchestratorWorkflow`` and of ``triggeredWorkflow``."""

    outputs: Any


class Completed(Part, tag_field="outcome", tag="completed", frozen=True, kw_only=True):
    """The execution ran to its end."""

    outputs: Any


class Failed(Part, tag_field="outcome", tag="failed", frozen=True, kw_only=True):
    """A node failed, or the execution could not be prepared."""

    error: ExecutionError


class Cancelled(Part, tag_field="outcome", tag="cancelled", frozen=True, kw_only=True):
    """It was cancelled."""


class TimedOut(Part, tag_field="outcome", tag="timed_out", frozen=True, kw_only=True):
    """It took longer than its definition allows."""

    error: ExecutionError


Outcome = Completed | Failed | Cancelled | TimedOut


class CompleteInput(Part, frozen=True, kw_only=True):
    """Input of ``completeTriggeredExecution``."""

    execution: Execution
    outcome: Outcome
