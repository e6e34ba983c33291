"""The aggregate ``Workflow``: its events, the fold over them, and what each command leads to."""

from collections.abc import Sequence
from datetime import datetime
from typing import assert_never
from uuid import UUID

import msgspec

from trigger_api.domain.recorded import Recorded
from trigger_api.domain.sameness import same
from trigger_contracts.definition import WorkflowDefinition


class _Event(msgspec.Struct, frozen=True, kw_only=True, rename="camel", tag_field="type"):
    pass


class WorkflowRegistered(_Event, frozen=True, kw_only=True, tag="WorkflowRegistered"):
    """The workflow begins."""

    workflow_id: UUID
    workspace: str
    name: str
    definition: WorkflowDefinition


class WorkflowRenamed(_Event, frozen=True, kw_only=True, tag="WorkflowRenamed"):
    """It is called otherwise."""

    name: str


class WorkflowDefinitionChanged(_Event, frozen=True, kw_only=True, tag="WorkflowDefinitionChanged"):
    """It does something else, from the next execution on."""

    definition: WorkflowDefinition


class WorkflowDeleted(_Event, frozen=True, kw_only=True, tag="WorkflowDeleted"):
    """It is gone, and so are its triggers."""


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


def fold(history: Sequence[Recorded[WorkflowEvent]]) -> Workflow | None:
    """Return the workflow that a history leads to; ``None`` for no history."""
    workflow: Workflow | None = None
    for recorded in history:
        workflow = evolve(workflow, recorded)
    return workflow


def decide_revision(workflow: Workflow, *, name: str, definition: WorkflowDefinition) -> list[WorkflowEvent]:
    """Return what happens when a workflow shall be so: nothing where it is so already."""
    events: list[WorkflowEvent] = []
    if name != workflow.name:
        events.append(WorkflowRenamed(name=name))
    if not same(definition, workflow.definition):
        events.append(WorkflowDefinitionChanged(definition=definition))
    return events


def decide_deletion(workflow: Workflow) -> list[WorkflowEvent]:
    """Return the end of a workflow; nothing where it has ended."""
    return [] if workflow.deleted_at else [WorkflowDeleted()]
