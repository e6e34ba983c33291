"""Workflows as stream ``CONFIG`` has them now."""

from uuid import UUID

from trigger_contracts import streams
from trigger_contracts.config import WORKFLOWS, WorkflowState
from trigger_runtime.bus.connection import Bus


class BusWorkflowDefinitions:
    """Implements ``ports.WorkflowDefinitions``. Reads from the leader: what was confirmed is read."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def latest(self, workflow_id: UUID) -> WorkflowState | None:
        """Return the last state of a workflow."""
        data = await self._bus.last(streams.CONFIG.name, subject=streams.config_workflow(workflow_id))
        return None if data is None else WORKFLOWS.decode(data).workflow
