"""The commands on workflows."""

from collections.abc import Callable, Sequence
from uuid import UUID

from trigger_api.domain import config_message, definition_rules
from trigger_api.domain import trigger as triggers
from trigger_api.domain import workflow as workflows
from trigger_api.domain.idempotency import Keyed, StoredAnswer
from trigger_api.domain.recorded import Author, EventRef, Recorded
from trigger_api.domain.trigger import DeletionReason
from trigger_api.domain.workflow import Workflow, WorkflowEvent
from trigger_api.ports import ClockAndIds, EventStore, NotFoundError, Unit, Vault
from trigger_api.usecases.appending import (
    Answering,
    Caller,
    Condition,
    again_after_a_lost_race,
    append_trigger_events,
    require,
)
from trigger_contracts.definition import WorkflowDefinition
from trigger_validation import raise_if_invalid


class Workflows:
    """The commands on workflows. Keyed ones change nothing when they come again."""

    def __init__(self, store: EventStore, *, vault: Vault, chance: ClockAndIds) -> None:
        self._store = store
        self._chance = chance
        self._answering = Answering(vault, chance=chance)

    async def register(
        self,
        caller: Caller,
        *,
        name: str,
        definition: WorkflowDefinition,
        keyed: Keyed[Workflow] | None = None,
    ) -> Workflow | StoredAnswer:
        """Register a workflow. Raises ``InvalidError``, ``KeyReusedError``."""
        raise_if_invalid(definition_rules.field_errors_of(definition))
        event = workflows.WorkflowRegistered(
            workflow_id=self._chance.new_id(), workspace=caller.workspace, name=name, definition=definition
        )
        async with self._store.unit() as unit:

            async def act() -> Workflow:
                return await self._append(unit, workflow=None, events=[event], author=caller.author)

            return await self._answering.once(unit, keyed=keyed, act=act)

    async def revise(
        self,
        caller: Caller,
        *,
        workflow_id: UUID,
        wanted: Callable[[Workflow], tuple[str, WorkflowDefinition]],
        condition: Condition,
        keyed: Keyed[Workflow] | None = None,
        cause: EventRef | None = None,
    ) -> Workflow | StoredAnswer:
        """Make a workflow what it shall be, seen from what it is.

        ``cause`` is the event that it leads back to.
        """

        async def attempt() -> Workflow | StoredAnswer:
            async with self._store.unit() as unit:

                async def act() -> Workflow:
                    workflow = await self._workflow(
                        unit, caller=caller, workflow_id=workflow_id, condition=condition
                    )
                    name, definition = wanted(workflow)
                    raise_if_invalid(definition_rules.field_errors_of(definition))
                    events = workflows.decide_revision(workflow, name=name, definition=definition)
                    return await self._append(
                        unit, workflow=workflow, events=events, author=caller.author, cause=cause
                    )

                return await self._answering.once(unit, keyed=keyed, act=act)

        return await again_after_a_lost_race(attempt)

    async def delete(self, caller: Caller, *, workflow_id: UUID, condition: Condition) -> None:
        """End a workflow and, in the same transaction, its triggers."""

        async def attempt() -> None:
            async with self._store.unit() as unit:
                workflow = await self._workflow(
                    unit, caller=caller, workflow_id=workflow_id, condition=condition
                )
                # All are read before the first append, which holds up everybody else's until the end.
                retired = [await unit.trigger(key) for key in await unit.live_triggers(workflow_id)]
                events = workflows.decide_deletion(workflow)
                ended = await self._append(unit, workflow=workflow, events=events, author=caller.author)
                cause = EventRef(ended.id, ended.version)
                for trigger in retired:
                    if trigger is not None:
                        await append_trigger_events(
                            unit,
                            trigger=trigger,
                            events=triggers.decide_deletion(trigger, reason=DeletionReason.WORKFLOW_DELETED),
                            author=caller.author,
                            chance=self._chance,
                            cause=cause,
                        )

        await again_after_a_lost_race(attempt)

    async def _workflow(
        self, unit: Unit, *, caller: Caller, workflow_id: UUID, condition: Condition
    ) -> Workflow:
        workflow = await unit.workflow(workflow_id)
        if workflow is None or workflow.deleted_at or workflow.workspace != caller.workspace:
            raise NotFoundError("workflow")
        require(condition, version=workflow.version)
        return workflow

    async def _append(
        self,
        unit: Unit,
        *,
        workflow: Workflow | None,
        events: Sequence[WorkflowEvent],
        author: Author,
        cause: EventRef | None = None,
    ) -> Workflow:
        after = workflow
        for event in events:
            version = after.version + 1 if after else 1
            recorded = Recorded(
                event=event, version=version, at=self._chance.now(), author=author, cause=cause
            )
            after = workflows.evolve(after, recorded)
            message = config_message.workflow_changed(after, recorded=recorded)
            unit.append_workflow(after, recorded=recorded, message=message)
        if after is None:
            raise ValueError("a workflow begins with an event")
        return after
