"""``/api/triggers``."""

from typing import Final
from uuid import UUID

from trigger_api.domain.history import changes, trigger_facts
from trigger_api.domain.past import state_as_of
from trigger_api.domain.trigger import Trigger, evolve, fold
from trigger_api.entrypoints import views
from trigger_api.entrypoints.bodies import AfterId, AsOf, ListEvents, ListTriggers
from trigger_api.entrypoints.history_pages import event_page
from trigger_api.entrypoints.http import READ
from trigger_api.entrypoints.trigger_answers import TriggerAnswers
from trigger_api.ports import NotFoundError
from trigger_api.read_model import Activity, History, ReadModel, TriggerFilter, view_of
from trigger_api.usecases.appending import Caller
from trigger_runtime.web.operations import Response, Success, operation
from trigger_runtime.web.parameters import encode_cursor

_UNKNOWN: Final = Activity(trigger_count=None)
_SHOWN: Final = Success(description="The trigger.", headers={"ETag": "The version, in quotes, for If-Match."})


class TriggerHandlers:
    """The handlers, and what they need."""

    def __init__(self, *, read_model: ReadModel, history: History, answers: TriggerAnswers) -> None:
        self._read_model = read_model
        self._history = history
        self._answers = answers

    @operation("GET", "/api/triggers", scope=READ, tag="Triggers", success=Success(description="A page."))
    async def list_triggers(self, caller: Caller, query: ListTriggers) -> views.TriggerPage:
        """List triggers, newest first."""
        page = await self._read_model.triggers(
            workspace=caller.workspace,
            where=TriggerFilter(
                workflow_id=query.workflow_id,
                trigger_type=query.type,
                enabled=query.enabled,
                name=query.name,
            ),
            before=query.cursor.id if query.cursor else None,
            limit=query.limit,
        )
        return views.TriggerPage(
            items=[self._answers.document(view) for view in page.items],
            next_cursor=encode_cursor(AfterId(page.last)) if page.last else None,
        )

    @operation("GET", "/api/triggers/{id}", scope=READ, tag="Triggers", success=_SHOWN)
    async def get_trigger(
        self, caller: Caller, trigger_id: UUID, query: AsOf
    ) -> Response[views.TriggerDocument]:
        """Show a trigger, as it is or as it was."""
        if query.as_of is not None:
            history = await self._history.of_trigger(trigger_id, workspace=caller.workspace)
            past = fold(state_as_of(history, moment=query.as_of, what="trigger"))
            if past is None or past.deleted_at is not None:
                raise NotFoundError("trigger at that time")
            return Response(content=self._answers.document(view_of(past, activity=_UNKNOWN)))
        view = await self._read_model.trigger(trigger_id, workspace=caller.workspace)
        if view is None:
            raise NotFoundError("trigger")
        return Response(content=self._answers.document(view), headers={"ETag": f'"{view.version}"'})

    @operation(
        "GET",
        "/api/triggers/{id}/events",
        scope=READ,
        tag="Triggers",
        success=Success(description="A page of the history."),
    )
    async def list_trigger_events(
        self, caller: Caller, trigger_id: UUID, query: ListEvents
    ) -> views.EventPage:
        """Who changed what and when, newest first."""
        history = await self._history.of_trigger(trigger_id, workspace=caller.workspace)
        if not history:
            raise NotFoundError("trigger")
        documents: list[views.EventDocument] = []
        trigger: Trigger | None = None
        for recorded in history:
            before, trigger = trigger, evolve(trigger, recorded)
            changed = changes(trigger_facts(before), after=trigger_facts(trigger))
            documents.append(views.event_document(recorded, found=changed))
        return event_page(documents, cursor=query.cursor, limit=query.limit)
