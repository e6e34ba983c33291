"""The commands on workflows."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from trigger_api.domain import trigger_decisions
from trigger_api.domain import workflow as decisions
from trigger_api.domain.aggregate import EventRef
from trigger_api.domain.definition_rules import field_errors_of
from trigger_api.domain.history import state_as_of
from trigger_api.domain.idempotency import IdempotencyKey, StoredResponse
from trigger_api.domain.trigger import TRIGGERS, DeletionReason
from trigger_api.domain.workflow import WORKFLOWS, DesiredWorkflow, Workflow, WorkflowDefinitionChanged
from trigger_api.ports import ClockAndIds, EventStore, NotFoundError, UnitOfWork, Vault
from trigger_api.usecases.command import Caller, ExpectedVersions, check_if_match, retry_lost_race
from trigger_api.usecases.idempotency import Idempotency
from trigger_validation import raise_if_invalid

Render = Callable[[Workflow], StoredResponse]
"""Makes the response, which is stored with the change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterWorkflow:
    """Begin a workflow."""

    caller: Caller
    desired: DesiredWorkflow
    key: IdempotencyKey | None
    render: Render


@dataclass(frozen=True, slots=True, kw_only=True)
class _WorkflowCommand:
    caller: Caller
    workflow_id: UUID
    if_match: ExpectedVersions


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaceWorkflow(_WorkflowCommand):
    """Make a workflow as desired."""

    desired: DesiredWorkflow
    render: Render


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchWorkflow(_WorkflowCommand):
    """Merge ``patch``, the JSON of a PATCH, into a workflow."""

    patch: Any
    render: Render


@dataclass(frozen=True, slots=True, kw_only=True)
class RevertWorkflow(_WorkflowCommand):
    """Lead a workflow back to what it was at a version."""

    version: int
    key: IdempotencyKey | None
    render: Render


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteWorkflow(_WorkflowCommand):
    """End a workflow and, in the same transaction, its triggers."""


class WorkflowCommands:
    """All but registration raise ``NotFoundError``, ``StaleVersionError``, ``ConcurrentChangeError``.

    A request with an idempotency key gets the same response when it comes again, and changes nothing.
    """

    def __init__(self, store: EventStore, *, vault: Vault, clock_and_ids: ClockAndIds) -> None:
        self._store = store
        self._clock_and_ids = clock_and_ids
        self._idempotency = Idempotency(store, vault=vault, clock_and_ids=clock_and_ids)

    async def register_workflow(self, command: RegisterWorkflow) -> StoredResponse:
        """Raises ``InvalidError``, ``KeyReusedError``."""
        raise_if_invalid(field_errors_of(command.desired.definition))
        events = decisions.decide_registration(
            self._clock_and_ids.new_id(), workspace=command.caller.workspace, desired=command.desired
        )
        async with self._store.unit() as unit:
            earlier = await self._idempotency.earlier_response(unit, command.key)
            if earlier is not None:
                return earlier
            now, author = self._clock_and_ids.now(), command.caller.author
            workflow = await unit.append(WORKFLOWS, None, events=events, at=now, author=author)
            return await self._idempotency.store(unit, command.key, response=command.render(workflow))

    @retry_lost_race
    async def replace_workflow(self, command: ReplaceWorkflow) -> StoredResponse:
        """Raises ``InvalidError``."""
        async with self._store.unit() as unit:
            workflow = await self._load(unit, command)
            changed = await self._make(unit, workflow, desired=command.desired, command=command)
            return command.render(changed)

    @retry_lost_race
    async def patch_workflow(self, command: PatchWorkflow) -> StoredResponse:
        """Raises ``InvalidError``."""
        async with self._store.unit() as unit:
            workflow = await self._load(unit, command)
            desired = decisions.decode_patch(workflow, patch=command.patch)
            return command.render(await self._make(unit, workflow, desired=desired, command=command))

    @retry_lost_race
    async def revert_workflow(self, command: RevertWorkflow) -> StoredResponse:
        """Raises ``NoSuchVersionError``; ``InvalidError`` for a definition that is not accepted any more."""
        history = await self._store.history(
            WORKFLOWS, command.workflow_id, workspace=command.caller.workspace
        )
        past = state_as_of(WORKFLOWS, history, moment=command.version)
        async with self._store.unit() as unit:
            earlier = await self._idempotency.earlier_response(unit, command.key)
            if earlier is not None:
                return earlier
            workflow = await self._load(unit, command)
            desired = DesiredWorkflow(name=past.name, definition=past.definition)
            cause = EventRef(past.id, past.version)
            changed = await self._make(unit, workflow, desired=desired, command=command, cause=cause)
            return await self._idempotency.store(unit, command.key, response=command.render(changed))

    @retry_lost_race
    async def delete_workflow(self, command: DeleteWorkflow) -> None:
        """End a workflow and its triggers."""
        async with self._store.unit() as unit:
            workflow = await self._load(unit, command)
            triggers = await unit.load_children(TRIGGERS, parent_id=workflow.id)
            events = decisions.decide_deletion(workflow)
            now, author = self._clock_and_ids.now(), command.caller.author
            ended = await unit.append(WORKFLOWS, workflow, events=events, at=now, author=author)
            cause = EventRef(ended.id, ended.version)
            for trigger in triggers:
                end = trigger_decisions.decide_deletion(trigger, reason=DeletionReason.WORKFLOW_DELETED)
                await unit.append(TRIGGERS, trigger, events=end, at=now, author=author, cause=cause)

    async def _load(self, unit: UnitOfWork, command: _WorkflowCommand) -> Workflow:
        workflow = await unit.load(WORKFLOWS, command.workflow_id)
        if workflow is None or workflow.deleted_at or workflow.workspace != command.caller.workspace:
            raise NotFoundError(WORKFLOWS.name)
        check_if_match(command.if_match, version=workflow.version)
        return workflow

    async def _make(
        self,
        unit: UnitOfWork,
        workflow: Workflow,
        *,
        desired: DesiredWorkflow,
        command: _WorkflowCommand,
        cause: EventRef | None = None,
    ) -> Workflow:
        """Make a workflow as desired."""
        events = decisions.decide_revision(workflow, desired=desired)
        # What an earlier release accepted stays as it is: a name can be changed without it.
        if any(isinstance(event, WorkflowDefinitionChanged) for event in events):
            raise_if_invalid(field_errors_of(desired.definition))
        now, author = self._clock_and_ids.now(), command.caller.author
        return await unit.append(WORKFLOWS, workflow, events=events, at=now, author=author, cause=cause)
