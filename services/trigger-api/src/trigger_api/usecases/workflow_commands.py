"""The commands on workflows."""

from collections.abc import Callable, Sequence
from uuid import UUID

from trigger_api.domain import config_message, definition_rules
from trigger_api.domain import trigger as triggers
from trigger_api.domain import workflow as workflows
from trigger_api.domain.recorded import Author, Recorded
from trigger_api.domain.trigger import DeletionReason
from trigger_api.domain.workflow import Workflow, WorkflowEvent
from trigger_api.ports import Chance, EventStore, NotFoundError, StaleVersionError, Unit
from trigger_api.usecases.appending import Caller, again_after_a_lost_race, append_trigger_events, refuse
from trigger_contracts.definition import WorkflowDefinition


class Workflows:
    """The commands on workflows."""

    def __init__(self, store: EventStore, *, chance: Chance) -> None:
        self._store = store
        self._chance = chance

    async def register(self, caller: Caller, *, name: str, definition: WorkflowDefinition) -> Workflow:
        """Register a workflow. Raises ``InvalidError``."""
        refuse(definition_rules.flaws_of(definition))
        event = workflows.WorkflowRegistered(
            workflow_id=self._chance.new_id(), workspace=caller.workspace, name=name, definition=definition
        )
        async with self._store.unit() as unit:
            return await self._append(unit, workflow=None, events=[event], author=caller.author)

    async def revise(
        self,
        caller: Caller,
        *,
        workflow_id: UUID,
        wanted: Callable[[Workflow], tuple[str, WorkflowDefinition]],
        if_version: int | None,
    ) -> Workflow:
        """Make a workflow what it shall be, seen from what it is."""

        async def attempt() -> Workflow:
            async with self._store.unit() as unit:
                workflow = await self._workflow(
                    unit, caller=caller, workflow_id=workflow_id, if_version=if_version
                )
                name, definition = wanted(workflow)
                refuse(definition_rules.flaws_of(definition))
                events = workflows.decide_revision(workflow, name=name, definition=definition)
                return await self._append(unit, workflow=workflow, events=events, author=caller.author)

        return await again_after_a_lost_race(attempt)

    async def delete(self, caller: Caller, *, workflow_id: UUID, if_version: int | None) -> None:
        """End a workflow and, in the same transaction, its triggers."""

        async def attempt() -> None:
            async with self._store.unit() as unit:
                workflow = await self._workflow(
                    unit, caller=caller, workflow_id=workflow_id, if_version=if_version
                )
                # All are read before the first is appended to: an append holds up everybody else's.
                retired = [await unit.trigger(key) for key in await unit.live_triggers(workflow_id)]
                for trigger in retired:
                    if trigger is not None:
                        ended = triggers.decide_deletion(trigger, reason=DeletionReason.WORKFLOW_DELETED)
                        await append_trigger_events(
                            unit, trigger=trigger, events=ended, author=caller.author, chance=self._chance
                        )
                events = workflows.decide_deletion(workflow)
                await self._append(unit, workflow=workflow, events=events, author=caller.author)

        await again_after_a_lost_race(attempt)

    async def _workflow(
        self, unit: Unit, *, caller: Caller, workflow_id: UUID, if_version: int | None
    ) -> Workflow:
        workflow = await unit.workflow(workflow_id)
        if workflow is None or workflow.deleted_at or workflow.workspace != caller.workspace:
            raise NotFoundError("workflow")
        if if_version is not None and if_version != workflow.version:
            raise StaleVersionError(workflow.version)
        return workflow

    async def _append(
        self, unit: Unit, *, workflow: Workflow | None, events: Sequence[WorkflowEvent], author: Author
    ) -> Workflow:
        after = workflow
        for event in events:
            version = after.version + 1 if after else 1
            recorded = Recorded(event=event, version=version, at=self._chance.now(), author=author)
            after = workflows.evolve(after, recorded)
            message = config_message.workflow_changed(after, recorded=recorded)
            await unit.append_workflow(after, recorded=recorded, message=message)
        if after is None:
            raise ValueError("a workflow begins with an event")
        return after
