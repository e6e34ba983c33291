"""``orchestratorWorkflow``: runs a definition."""

from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from orchestrator_worker.domain.interpreter import InterpretationError, interpret
from orchestrator_worker.domain.limits import truncated
from orchestrator_worker.workflows.active_time import within
from trigger_contracts.workflow_io import (
    ORCHESTRATOR_WORKFLOW,
    OUT_OF_TIME,
    OrchestratorInput,
    OrchestratorResult,
)


@workflow.defn(name=ORCHESTRATOR_WORKFLOW)
class OrchestratorWorkflow:
    """The child of ``triggeredWorkflow``. It measures the definition's timeout itself."""

    @workflow.run
    async def run(self, start: OrchestratorInput) -> OrchestratorResult:
        """Return the outputs, or fail with the error's code as type and the node's id as first detail."""
        limit = timedelta(seconds=start.definition.settings.timeout)
        try:
            outputs = await within(self.outputs(start), limit=limit)
        except InterpretationError as error:
            raise ApplicationError(
                truncated(error.message), error.node, type=error.code, non_retryable=True
            ) from error
        except TimeoutError as error:
            raise ApplicationError(
                "the definition's timeout is over", type=OUT_OF_TIME, non_retryable=True
            ) from error
        return OrchestratorResult(outputs=outputs)

    async def outputs(self, start: OrchestratorInput) -> Any:
        """Return the outputs. Raises ``InterpretationError``."""
        return interpret(start.definition, execution=start.execution, payload=start.payload)
