"""Workflows as stream ``CONFIG`` has them now."""

from uuid import UUID

from orchestrator_worker.usecases import LogUnavailableError
from trigger_contracts import streams
from trigger_contracts.config import WORKFLOWS, WorkflowState
from trigger_runtime.bus.connection import Bus, BusUnavailableError


class BusWorkflowDefinitions:
    """Implements ``usecases.WorkflowDefinitions``. The leader answers: what was confirmed is read."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def find(self, workflow_id: UUID) -> WorkflowState | None:
        """Return the last state of a workflow."""
        try:
            data = await self._bus.last(streams.CONFIG.name, subject=streams.config_workflow(workflow_id))
        except BusUnavailableError as error:
            raise LogUnavailableError(str(error)) from error
        return None if data is None else WORKFLOWS.decode(data).workflow
