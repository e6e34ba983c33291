"""From the aggregates to what the bus carries: the change, and the whole state after it."""

from collections.abc import Mapping
from uuid import UUID

from trigger_api.domain.recorded import Recorded
from trigger_api.domain.trigger import Trigger, TriggerEvent
from trigger_api.domain.workflow import Workflow, WorkflowEvent
from trigger_contracts.config import (
    Change,
    SealedSecret,
    TriggerChanged,
    TriggerState,
    WorkflowChanged,
    WorkflowState,
)


def trigger_changed(
    trigger: Trigger, *, recorded: Recorded[TriggerEvent], sealed: Mapping[UUID, SealedSecret]
) -> TriggerChanged:
    """Return the message of a trigger's event. ``sealed`` holds its secrets by id, still sealed."""
    return TriggerChanged(
        change=_change(recorded),
        trigger=TriggerState(
            id=trigger.id,
            workspace=trigger.workspace,
            workflow_id=trigger.workflow_id,
            name=trigger.name,
            enabled=trigger.enabled,
            config=trigger.config,
            secrets=tuple(
                SealedSecret(
                    id=secret.id,
                    key_id=sealed[secret.id].key_id,
                    nonce=sealed[secret.id].nonce,
                    ciphertext=sealed[secret.id].ciphertext,
                    valid_until=secret.valid_until,
                )
                for secret in trigger.secrets
            ),
            version=trigger.version,
            created_at=trigger.created_at,
            updated_at=trigger.updated_at,
            deleted_at=trigger.deleted_at,
        ),
    )


def workflow_changed(workflow: Workflow, *, recorded: Recorded[WorkflowEvent]) -> WorkflowChanged:
    """Return the message of a workflow's event."""
    return WorkflowChanged(
        change=_change(recorded),
        workflow=WorkflowState(
            id=workflow.id,
            workspace=workflow.workspace,
            name=workflow.name,
            definition=workflow.definition,
            version=workflow.version,
            created_at=workflow.created_at,
            updated_at=workflow.updated_at,
            deleted_at=workflow.deleted_at,
        ),
    )


def _change(recorded: Recorded[TriggerEvent] | Recorded[WorkflowEvent]) -> Change:
    return Change(
        event=str(type(recorded.event).__struct_config__.tag),
        version=recorded.version,
        at=recorded.at,
        actor=recorded.author.actor,
        request_id=recorded.author.request_id,
    )
