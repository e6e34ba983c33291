"""The first and the last step of every execution: both leave a fact on the bus."""

from datetime import timedelta
from typing import Any, Final, assert_never

import structlog
from temporalio import activity
from temporalio.exceptions import ApplicationError

from orchestrator_worker.ports import ExecutionLog, FactTooLargeError, WorkflowDefinitions
from trigger_contracts.codec import MalformedMessageError
from trigger_contracts.config import WorkflowState
from trigger_contracts.executions import (
    Execution,
    ExecutionCancelled,
    ExecutionCompleted,
    ExecutionError,
    ExecutionFact,
    ExecutionFailed,
    ExecutionStarted,
    ExecutionTimedOut,
)
from trigger_contracts.workflow_io import (
    COMPLETE_TRIGGERED_EXECUTION,
    MAX_INPUT_BYTES,
    PREPARE_TRIGGERED_EXECUTION,
    WORKFLOW_NOT_FOUND,
    Cancelled,
    Completed,
    CompleteInput,
    Failed,
    PreparedExecution,
    PrepareInput,
    TimedOut,
    encoded_size,
)

log = structlog.stdlib.get_logger(__name__)

WORKFLOW_UNREADABLE: Final = "workflow_unreadable"
PAYLOAD_TOO_LARGE: Final = "payload_too_large"
OUTPUTS_TOO_LARGE: Final = "outputs_too_large"

_BEHIND: Final = timedelta(seconds=60)
"""How far the bus may be behind trigger-api, which responds before its outbox is published."""


class WorkflowNotYetKnownError(Exception):
    """The bus does not have the state yet that the execution needs; Temporal tries again."""


class ExecutionLifecycle:
    """The activities of ``triggeredWorkflow``.

    After an error other than ``ApplicationError`` Temporal tries again, without end: the bus comes back, a
    defect gets fixed, and until then the execution waits.
    """

    def __init__(self, *, definitions: WorkflowDefinitions, execution_log: ExecutionLog) -> None:
        self._definitions = definitions
        self._log = execution_log

    @activity.defn(name=PREPARE_TRIGGERED_EXECUTION)
    async def prepare(self, prepare_input: PrepareInput) -> PreparedExecution:
        """Record the start; return the definition as it is now.

        Fails for good as ``workflow_not_found``, ``workflow_unreadable`` or ``payload_too_large``.
        Raises ``WorkflowNotYetKnownError`` while the bus is behind what the execution was accepted for.
        """
        execution = prepare_input.execution
        with structlog.contextvars.bound_contextvars(execution_id=str(execution.id)):
            try:
                workflow = await self._workflow(prepare_input)
            except MalformedMessageError as error:
                await self._started(prepare_input, version=None)
                raise _final(WORKFLOW_UNREADABLE, f"the workflow cannot be read: {error}") from error
            if workflow is None:
                await self._started(prepare_input, version=None)
                raise _final(WORKFLOW_NOT_FOUND, f"workflow {execution.workflow_id} does not exist")
            await self._started(prepare_input, version=workflow.version)
            # Both go to the child workflow in one input.
            size = encoded_size(prepare_input) + encoded_size(workflow.definition)
            if size > MAX_INPUT_BYTES:
                reason = f"payload and definition are {size} bytes together, over {MAX_INPUT_BYTES}"
                raise _final(PAYLOAD_TOO_LARGE, reason)
            return PreparedExecution(workflow_version=workflow.version, definition=workflow.definition)

    @activity.defn(name=COMPLETE_TRIGGERED_EXECUTION)
    async def complete(self, complete_input: CompleteInput) -> None:
        """Record the end. Fails for good as ``outputs_too_large``, after recording that as the end."""
        with structlog.contextvars.bound_contextvars(execution_id=str(complete_input.execution.id)):
            try:
                await self._log.record(self._end(complete_input))
            except FactTooLargeError as error:
                reason = f"the outputs cannot be recorded: {error}"
                failed = Failed(error=ExecutionError(code=OUTPUTS_TOO_LARGE, message=reason))
                await self._log.record(
                    self._end(CompleteInput(execution=complete_input.execution, outcome=failed))
                )
                raise _final(OUTPUTS_TOO_LARGE, reason) from error
            log.info("execution ended", outcome=type(complete_input.outcome).__name__.lower())

    async def _workflow(self, prepare_input: PrepareInput) -> WorkflowState | None:
        """Return the workflow; ``None`` where it is deleted or belongs to another workspace."""
        execution = prepare_input.execution
        workflow = await self._definitions.latest(execution.workflow_id)
        if workflow is None and _waited() < _BEHIND:
            raise WorkflowNotYetKnownError(f"no workflow {execution.workflow_id} on the bus yet")
        if workflow is None or workflow.deleted_at is not None or workflow.workspace != execution.workspace:
            return None
        least = prepare_input.workflow_version
        if least is not None and workflow.version < least:
            raise WorkflowNotYetKnownError(
                f"the workflow is at version {workflow.version} on the bus, not yet at {least}"
            )
        return workflow

    async def _started(self, prepare_input: PrepareInput, *, version: int | None) -> None:
        fact = ExecutionStarted(
            workflow_version=version,
            payload=prepare_input.payload,
            **self._common(prepare_input.execution),
        )
        try:
            await self._log.record(fact)
        except FactTooLargeError as error:
            raise _final(PAYLOAD_TOO_LARGE, f"the start cannot be recorded: {error}") from error

    def _end(self, complete_input: CompleteInput) -> ExecutionFact:
        common = self._common(complete_input.execution)
        match complete_input.outcome:
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

    @staticmethod
    def _common(execution: Execution) -> dict[str, Any]:
        """Return what every fact carries. Its time is Temporal's, and that of each attempt is the same."""
        info = activity.info()
        return {
            "execution": execution,
            "at": info.scheduled_time,
            "temporal_workflow_id": info.workflow_id or "",
            "temporal_run_id": info.workflow_run_id or "",
        }


def _waited() -> timedelta:
    """Return how long the activity has been tried: by Temporal's clock alone, as no two clocks agree."""
    info = activity.info()
    return info.current_attempt_scheduled_time - info.scheduled_time


def _final(code: str, reason: str) -> ApplicationError:
    return ApplicationError(reason, type=code, non_retryable=True)
