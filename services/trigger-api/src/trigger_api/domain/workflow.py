"""The aggregate ``Workflow``: its events, its state, and what each command leads to."""

from datetime import datetime
from typing import Any, Final, assert_never
from uuid import UUID

import msgspec

from trigger_api.domain.aggregate import (
    Aggregate,
    DomainEvent,
    EventCodec,
    Recorded,
    SealedSecrets,
    change_of,
)
from trigger_api.domain.json_values import identical, merge_sent
from trigger_contracts import streams
from trigger_contracts.config import Name, WorkflowChanged, WorkflowState
from trigger_contracts.definition import WorkflowDefinition
from trigger_validation import decode


class WorkflowRegistered(DomainEvent, frozen=True, kw_only=True, tag="WorkflowRegistered"):
    """The workflow begins."""

    workflow_id: UUID
    workspace: str
    name: str
    definition: WorkflowDefinition


class WorkflowRenamed(DomainEvent, frozen=True, kw_only=True, tag="WorkflowRenamed"):
    """It has another name."""

    name: str


class WorkflowDefinitionChanged(DomainEvent, frozen=True, kw_only=True, tag="WorkflowDefinitionChanged"):
    """It does something else, from the next execution on."""

    definition: WorkflowDefinition


class WorkflowDeleted(DomainEvent, frozen=True, kw_only=True, tag="WorkflowDeleted"):
    """It ends, and its triggers end with it."""


WorkflowEvent = WorkflowRegistered | WorkflowRenamed | WorkflowDefinitionChanged | WorkflowDeleted


class Workflow(msgspec.Struct, frozen=True, kw_only=True):
    """The fold of a workflow's events."""

    id: UUID
    workspace: str
    name: str
    definition: WorkflowDefinition
    version: int
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None = None


def evolve(workflow: Workflow | None, recorded: Recorded[WorkflowEvent]) -> Workflow:
    """Return the workflow after one more event."""
    event = recorded.event
    if isinstance(event, WorkflowRegistered):
        return Workflow(
            id=event.workflow_id,
            workspace=event.workspace,
            name=event.name,
            definition=event.definition,
            version=recorded.version,
            created_at=recorded.at,
            updated_at=recorded.at,
        )
    if workflow is None:
        raise ValueError(f"{type(event).__name__} cannot be a workflow's first event")
    after = msgspec.structs.replace(workflow, version=recorded.version, updated_at=recorded.at)
    match event:
        case WorkflowRenamed():
            return msgspec.structs.replace(after, name=event.name)
        case WorkflowDefinitionChanged():
            return msgspec.structs.replace(after, definition=event.definition)
        case WorkflowDeleted():
            return msgspec.structs.replace(after, deleted_at=recorded.at)
        case _:
            assert_never(event)


class DesiredWorkflow(msgspec.Struct, frozen=True, kw_only=True):
    """What a user may change."""

    name: Name
    definition: WorkflowDefinition


def decode_patch(workflow: Workflow, *, patch: Any) -> DesiredWorkflow:
    """Return what a PATCH makes of a workflow: see ``merge_sent``. Raises ``InvalidError``."""
    current = {"name": workflow.name, "definition": msgspec.to_builtins(workflow.definition)}
    desired: DesiredWorkflow = decode(merge_sent(current, patch), DesiredWorkflow)
    return desired


def decide_registration(
    workflow_id: UUID, *, workspace: str, desired: DesiredWorkflow
) -> list[WorkflowEvent]:
    """Return the beginning of a workflow."""
    return [
        WorkflowRegistered(
            workflow_id=workflow_id,
            workspace=workspace,
            name=desired.name,
            definition=desired.definition,
        )
    ]


def decide_revision(workflow: Workflow, *, desired: DesiredWorkflow) -> list[WorkflowEvent]:
    """Return the events that make a workflow as desired: none where it is so already."""
    events: list[WorkflowEvent] = []
    if desired.name != workflow.name:
        events.append(WorkflowRenamed(name=desired.name))
    if not identical(desired.definition, workflow.definition):
        events.append(WorkflowDefinitionChanged(definition=desired.definition))
    return events


def decide_deletion(workflow: Workflow) -> list[WorkflowEvent]:
    """Return the end of a workflow; nothing where it has ended."""
    return [] if workflow.deleted_at else [WorkflowDeleted()]


def _facts(workflow: Workflow) -> dict[str, Any]:
    return {
        "name": workflow.name,
        "definition": msgspec.to_builtins(workflow.definition),
        "deleted": workflow.deleted_at is not None,
    }


def _message(workflow: Workflow, recorded: Recorded[WorkflowEvent], _: SealedSecrets) -> WorkflowChanged:
    return WorkflowChanged(
        change=change_of(recorded),
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


WORKFLOWS: Final[Aggregate[Workflow, WorkflowEvent]] = Aggregate(
    name="workflow",
    events=EventCodec(WorkflowEvent),
    evolve=evolve,
    facts=_facts,
    table="workflows",
    columns={
        "id": lambda workflow: workflow.id,
        "workspace": lambda workflow: workflow.workspace,
        "name": lambda workflow: workflow.name,
        "definition": lambda workflow: msgspec.json.encode(workflow.definition).decode(),
        "version": lambda workflow: workflow.version,
        "created_at": lambda workflow: workflow.created_at,
        "updated_at": lambda workflow: workflow.updated_at,
        "deleted_at": lambda workflow: workflow.deleted_at,
    },
    subject=streams.config_workflow,
    message=_message,
)
