"""``/api/triggers``: translate and never decide."""

from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

import msgspec
from aiohttp import web

from trigger_api.domain.history import changes, trigger_facts
from trigger_api.domain.idempotency import Keyed, StoredAnswer
from trigger_api.domain.merge_patch import merge
from trigger_api.domain.past import state_as_of
from trigger_api.domain.trigger import Trigger, Wanted, evolve, fold
from trigger_api.entrypoints import views
from trigger_api.entrypoints.access import Access
from trigger_api.entrypoints.answers import first_answer, same_answer
from trigger_api.entrypoints.history_pages import BeforeVersion, event_page
from trigger_api.entrypoints.requests import (
    as_of,
    body_of,
    keyed_of,
    new_trigger_of,
    refuse_fixed,
    revision_of,
    secret_in,
)
from trigger_api.entrypoints.trigger_answers import TriggerAnswers
from trigger_api.ports import NotFoundError
from trigger_api.read_model import Activity, History, ReadModel, TriggerFilter, view_of
from trigger_api.usecases.appending import Caller, Condition
from trigger_api.usecases.trigger_commands import Changed, Triggers
from trigger_contracts.config import TriggerType
from trigger_runtime.web import queries
from trigger_runtime.web.application import json_response

_FIXED: Final = ("id", "workflowId", "triggerType", "version", "createdAt", "updatedAt")
_UNKNOWN: Final = Activity(trigger_count=None)


class After(msgspec.Struct, frozen=True):
    """A page cursor: the id of the last item."""

    id: UUID


class TriggerRoutes:
    """The handlers, and what they need."""

    def __init__(
        self,
        triggers: Triggers,
        *,
        read_model: ReadModel,
        history: History,
        access: Access,
        answers: TriggerAnswers,
    ) -> None:
        self._triggers = triggers
        self._read_model = read_model
        self._history = history
        self._access = access
        self._answers = answers

    async def create(self, request: web.Request) -> web.Response:
        """Create a trigger: 201, with its secret where it has one."""
        caller = await self._access.writer(request)
        raw = await body_of(request)
        body = new_trigger_of(raw)

        def answer(changed: Changed) -> StoredAnswer:
            location = {"Location": f"/api/triggers/{changed.trigger.id}"}
            return self._answers.of(changed, activity=Activity(), status=201, headers=location)

        done = await self._triggers.create(
            caller,
            workflow_id=body.workflow_id,
            wanted=Wanted(name=body.name, enabled=body.enabled, config=body.config),
            secret=secret_in(raw),
            keyed=keyed_of(request, caller=caller, body=raw, answer=answer),
        )
        return same_answer(done) if isinstance(done, StoredAnswer) else first_answer(answer(done))

    async def index(self, request: web.Request) -> web.Response:
        """Return a page of triggers, newest first."""
        caller = await self._access.reader(request)
        queries.refuse_unknown(request, known=("workflowId", "type", "enabled", "name", "limit", "cursor"))
        enabled = queries.choice_of(request, "enabled", among=("true", "false"))
        cursor = queries.cursor_of(request, After)
        page = await self._read_model.triggers(
            workspace=caller.workspace,
            where=TriggerFilter(
                workflow_id=queries.uuid_of(request, "workflowId"),
                trigger_type=queries.choice_of(request, "type", among=[kind.value for kind in TriggerType]),
                enabled=None if enabled is None else enabled == "true",
                name=queries.text_of(request, "name", longest=200),
            ),
            before=cursor.id if cursor else None,
            limit=queries.limit_of(request),
        )
        return json_response(
            views.TriggerPage(
                items=[self._answers.document(view) for view in page.items],
                next_cursor=queries.encode_cursor(After(page.last)) if page.last else None,
            )
        )

    async def show(self, request: web.Request) -> web.Response:
        """Return one trigger, as it is or as it was."""
        caller = await self._access.reader(request)
        trigger_id = queries.path_id(request, what="trigger")
        queries.refuse_unknown(request, known=("asOf",))
        moment = as_of(request)
        if moment is not None:
            history = await self._history.of_trigger(trigger_id, workspace=caller.workspace)
            past = fold(state_as_of(history, moment=moment, what="trigger"))
            if past is None or past.deleted_at is not None:
                raise NotFoundError("trigger at that time")
            return json_response(self._answers.document(view_of(past, activity=_UNKNOWN)))
        view = await self._read_model.trigger(trigger_id, workspace=caller.workspace)
        if view is None:
            raise NotFoundError("trigger")
        return json_response(self._answers.document(view), headers={"ETag": f'"{view.version}"'})

    async def replace(self, request: web.Request) -> web.Response:
        """Make a trigger what the body says."""
        caller = await self._access.writer(request)
        raw = await body_of(request)
        refuse_fixed(raw, names=_FIXED)
        return await self._revise(request, caller=caller, body=raw, read=lambda _: raw)

    async def patch(self, request: web.Request) -> web.Response:
        """Merge the body into a trigger (RFC 7396)."""
        caller = await self._access.writer(request)
        patch = await body_of(request)
        refuse_fixed(patch, names=_FIXED)

        def merged(trigger: Trigger) -> Any:
            config = views.config_document(trigger.config)
            now = {"name": trigger.name, "enabled": trigger.enabled, "config": config}
            return merge(now, patch)

        return await self._revise(request, caller=caller, body=patch, read=merged)

    async def delete(self, request: web.Request) -> web.Response:
        """End a trigger."""
        caller = await self._access.writer(request)
        trigger_id = queries.path_id(request, what="trigger")
        await self._triggers.delete(caller, trigger_id=trigger_id, condition=self._access.condition(request))
        return web.Response(status=204)

    async def events(self, request: web.Request) -> web.Response:
        """Return who changed what and when, newest first; of a deleted trigger, too."""
        caller = await self._access.reader(request)
        trigger_id = queries.path_id(request, what="trigger")
        queries.refuse_unknown(request, known=("limit", "cursor"))
        cursor, limit = queries.cursor_of(request, BeforeVersion), queries.limit_of(request)
        history = await self._history.of_trigger(trigger_id, workspace=caller.workspace)
        if not history:
            raise NotFoundError("trigger")
        documents: list[views.EventDocument] = []
        trigger: Trigger | None = None
        for recorded in history:
            before, trigger = trigger, evolve(trigger, recorded)
            found = changes(trigger_facts(before), after=trigger_facts(trigger))
            documents.append(views.event_document(recorded, found=found))
        return json_response(event_page(documents, cursor=cursor, limit=limit))

    async def _revise(
        self, request: web.Request, *, caller: Caller, body: Any, read: Callable[[Trigger], Any]
    ) -> web.Response:
        revision = revision_of(body, read=read)

        async def run(
            trigger_id: UUID, condition: Condition, keyed: Keyed[Changed] | None
        ) -> Changed | StoredAnswer:
            return await self._triggers.revise(
                caller, trigger_id=trigger_id, revision=revision, condition=condition, keyed=keyed
            )

        return await self._answers.changed(request, caller=caller, body=body, run=run)
