"""What crosses Temporal: names of workflows and activities, their inputs and their results."""

from typing import Any, Final
from uuid import UUID

from trigger_contracts.codec import Part
from trigger_contracts.config import Time, TriggerType
from trigger_contracts.definition import WorkflowDefinition
from trigger_contracts.executions import Cause, Execution, ExecutionError

TASK_QUEUE: Final = "flowmaestro-orchestrator"

TRIGGERED_WORKFLOW: Final = "triggeredWorkflow"
ORCHESTRATOR_WORKFLOW: Final = "orchestratorWorkflow"
PREPARE_TRIGGERED_EXECUTION: Final = "prepareTriggeredExecution"
COMPLETE_TRIGGERED_EXECUTION: Final = "completeTriggeredExecution"

WORKFLOW_NOT_FOUND: Final = "workflow_not_found"
"""Error code: the trigger's workflow does not exist (any more)."""


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
    """Somebody cancelled it."""


class TimedOut(Part, tag_field="outcome", tag="timed_out", frozen=True, kw_only=True):
    """It took longer than its definition allows."""

    error: ExecutionError


Outcome = Completed | Failed | Cancelled | TimedOut


class CompleteInput(Part, frozen=True, kw_only=True):
    """Input of ``completeTriggeredExecution``."""

    execution: Execution
    outcome: Outcome
