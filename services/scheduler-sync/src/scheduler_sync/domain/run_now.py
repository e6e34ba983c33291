"""A run that somebody asked for, beside the schedule's fires."""

from datetime import UTC, datetime
from uuid import UUID

from trigger_contracts.config import ScheduleConfig, TriggerState, trigger_type_of
from trigger_contracts.executions import Cause, CauseKind
from trigger_contracts.workflow_io import TriggeredInput, TriggeredRun


def run_now(
    trigger: TriggerState, *, config: ScheduleConfig, execution_id: UUID, at: datetime, request_id: str
) -> TriggeredInput:
    """Return the input of a run whose payload is that of a fire at ``at``."""
    return TriggeredInput(
        workspace=trigger.workspace,
        trigger_id=trigger.id,
        trigger_type=trigger_type_of(config),
        trigger_name=trigger.name,
        workflow_id=trigger.workflow_id,
        run=TriggeredRun(
            execution_id=execution_id,
            cause=Cause(kind=CauseKind.MANUAL, id=request_id),
            accepted_at=at,
            payload={
                "scheduledTime": at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
                "input": config.input,
            },
        ),
    )
