"""``orchestratorWorkflow``: runs a definition."""

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from orchestrator_worker.domain.interpreter import InterpretationError, interpret
from orchestrator_worker.domain.limits import truncated
from trigger_contracts.workflow_io import ORCHESTRATOR_WORKFLOW, OrchestratorInput, OrchestratorResult


@workflow.defn(name=ORCHESTRATOR_WORKFLOW)
class OrchestratorWorkflow:
    """The child of ``triggeredWorkflow``; its execution timeout is the definition's."""

    @workflow.run
    async def run(self, start: OrchestratorInput) -> OrchestratorResult:
        """Return the outputs, or fail with the error's code as type and the node's id as first detail."""
        try:
            outputs = interpret(start.definition, execution=start.execution, payload=start.payload)
        except InterpretationError as error:
            raise ApplicationError(
                truncated(error.message), error.node, type=error.code, non_retryable=True
            ) from error
        return OrchestratorResult(outputs=outputs)
