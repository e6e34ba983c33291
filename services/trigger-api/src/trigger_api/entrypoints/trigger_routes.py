"""``/api/triggers``: translate and never decide."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
import structlog
from aiohttp import web

from trigger_api.domain.history import changes, trigger_facts
from trigger_api.domain.idempotency import Keyed, StoredAnswer
from trigger_api.domain.merge_patch import merge
from trigger_api.domain.past import NeverSoError, state_as_of
from trigger_api.domain.trigger import Trigger, Wanted, evolve, fold, paused, resumed
from trigger_api.entrypoints import views
from trigger_api.entrypoints.access import Access
from trigger_api.entrypoints.answers import first_answer, same_answer
from trigger_api.entrypoints.bodies import ExecuteTrigger, Revert, RotateSecret
from trigger_api.entrypoints.requests import (
    as_of,
    body_of,
    keyed_of,
    new_trigger_of,
    optional_body_of,
    refuse_fixed,
    revision_of,
    secret_in,
)
from trigger_api.ports import NotFoundError
from trigger_api.read_model import Activity, History, ReadModel, TriggerFilter, TriggerView, view_of
from trigger_api.usecases.appending import Caller, Condition
from trigger_api.usecases.runs_by_hand import RunsByHand
from trigger_api.usecases.trigger_commands import Changed, Revision, Triggers
from trigger_contracts.config import TriggerType
from trigger_runtime.web import queries
from trigger_runtime.web.application import json_response
from trigger_runtime.web.bodies import convert

_FIXED: Final = ("id", "workflowId", "triggerType", "version", "createdAt", "updatedAt")
_UNKNOWN: Final = Activity(trigger_count=None)

Answer = Callable[[Changed], StoredAnswer]
Run = Callable[[UUID, Condition, "Keyed[Changed] | None"], Awaitable["Changed | StoredAnswer"]]


class After(msgspec.Struct, frozen=True):
    """A page cursor: the id of the last item."""

    id: UUID


class BeforeVersion(msgspec.Struct, frozen=True):
    """A page cursor in a history: the version of the last item."""

    version: int


class TriggerRoutes:
    """The handlers, and what they need."""

    def __init__(
        self,
        triggers: Triggers,
        *,
        runs: RunsByHand,
        read_model: ReadModel,
        history: History,
        access: Access,
        public_url: str,
    ) -> None:
        self._triggers = triggers
        self._runs = runs
        self._read_model = read_model
        self._history = history
        self._access = access
        self._public_url = public_url.rstrip("/")

    async def create(self, request: web.Request) -> web.Response:
        """Create a trigger: 201, with its secret where it has one."""
        caller = await self._access.writer(request)
        raw = await body_of(request)
        body = new_trigger_of(raw)

        def answer(changed: Changed) -> StoredAnswer:
            location = {"Location": f"/api/triggers/{changed.trigger.id}"}
            return self._answer(changed, activity=Activity(), status=201, headers=location)

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
                items=[self._document(view) for view in page.items],
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
            return json_response(self._document(view_of(past, activity=_UNKNOWN)))
        view = await self._read_model.trigger(trigger_id, workspace=caller.workspace)
        if view is None:
            raise NotFoundError("trigger")
        return json_response(self._document(view), headers={"ETag": f'"{view.version}"'})

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

    async def pause(self, request: web.Request) -> web.Response:
        """Stop a trigger from starting anything."""
        return await self._switch(request, wanted=paused)

    async def resume(self, request: web.Request) -> web.Response:
        """Let a trigger start workflows again."""
        return await self._switch(request, wanted=resumed)

    async def rotate_secret(self, request: web.Request) -> web.Response:
        """Put a new secret in force and show it, once."""
        caller = await self._access.writer(request)
        raw = await optional_body_of(request)
        body = convert(raw, RotateSecret)

        async def run(
            trigger_id: UUID, condition: Condition, keyed: Keyed[Changed] | None
        ) -> Changed | StoredAnswer:
            return await self._triggers.rotate_secret(
                caller,
                trigger_id=trigger_id,
                secret=body.secret,
                overlap=timedelta(seconds=body.overlap_seconds),
                condition=condition,
                keyed=keyed,
            )

        return await self._changed(request, caller=caller, body=raw, run=run)

    async def revert(self, request: web.Request) -> web.Response:
        """Lead a trigger back to what it was at a version."""
        caller = await self._access.writer(request)
        raw = await body_of(request)
        version = convert(raw, Revert).version
        history = await self._history.of_trigger(
            queries.path_id(request, what="trigger"), workspace=caller.workspace
        )
        past = fold(state_as_of(history, moment=version, what="trigger"))

        async def run(
            trigger_id: UUID, condition: Condition, keyed: Keyed[Changed] | None
        ) -> Changed | StoredAnswer:
            if past is None:
                raise NeverSoError("trigger")
            return await self._triggers.revert(
                caller, trigger_id=trigger_id, past=past, condition=condition, keyed=keyed
            )

        return await self._changed(request, caller=caller, body=raw, run=run)

    async def delete(self, request: web.Request) -> web.Response:
        """End a trigger."""
        caller = await self._access.writer(request)
        trigger_id = queries.path_id(request, what="trigger")
        await self._triggers.delete(caller, trigger_id=trigger_id, condition=self._access.condition(request))
        return web.Response(status=204)

    async def execute(self, request: web.Request) -> web.Response:
        """Ask for a run now: 202 once the bus has stored the request."""
        caller = await self._access.runner(request)
        trigger_id = queries.path_id(request, what="trigger")
        raw = await optional_body_of(request)
        body = convert(raw, ExecuteTrigger)

        def answer(execution_id: UUID) -> StoredAnswer:
            return views.answer(
                views.ExecutionAccepted(success=True, execution_id=execution_id),
                status=202,
                headers={"X-Execution-Id": str(execution_id)},
            )

        done = await self._runs.execute(
            caller,
            trigger_id=trigger_id,
            inputs=body.inputs,
            keyed=keyed_of(request, caller=caller, body=raw, answer=answer),
        )
        if isinstance(done, StoredAnswer):
            return same_answer(done)
        structlog.contextvars.bind_contextvars(execution_id=str(done))
        return first_answer(answer(done))

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
        revision = revision_of(read, secret=secret_in(body))
        return await self._change(request, caller=caller, body=body, revision=revision)

    async def _switch(self, request: web.Request, *, wanted: Callable[[Trigger], Wanted]) -> web.Response:
        caller = await self._access.writer(request)
        return await self._change(request, caller=caller, body=None, revision=Revision(wanted=wanted))

    async def _change(
        self, request: web.Request, *, caller: Caller, body: Any, revision: Revision
    ) -> web.Response:
        async def run(
            trigger_id: UUID, condition: Condition, keyed: Keyed[Changed] | None
        ) -> Changed | StoredAnswer:
            return await self._triggers.revise(
                caller, trigger_id=trigger_id, revision=revision, condition=condition, keyed=keyed
            )

        return await self._changed(request, caller=caller, body=body, run=run)

    async def _changed(self, request: web.Request, *, caller: Caller, body: Any, run: Run) -> web.Response:
        """Run a command and answer with the trigger after it.

        What the bus says of it is read first: a secret that was just made is shown now or never, so after
        the change nothing may fail any more.
        """
        trigger_id = queries.path_id(request, what="trigger")
        condition = self._access.condition(request)
        activity = await self._read_model.activity(trigger_id)

        def answer(changed: Changed) -> StoredAnswer:
            return self._answer(changed, activity=activity)

        keyed = None
        if request.method == "POST":
            keyed = keyed_of(request, caller=caller, body=body, answer=answer)
        done = await run(trigger_id, condition, keyed)
        return same_answer(done) if isinstance(done, StoredAnswer) else first_answer(answer(done))

    def _answer(
        self,
        changed: Changed,
        *,
        activity: Activity,
        status: int = 200,
        headers: dict[str, str] | None = None,
    ) -> StoredAnswer:
        # A secret is shown once, to one client: nothing in between may keep the answer.
        caching = {"Cache-Control": "no-store"} if changed.secret else {}
        view = view_of(changed.trigger, activity=activity)
        return views.answer(
            self._document(view, secret=changed.secret),
            status=status,
            headers={"ETag": f'"{view.version}"', **caching, **(headers or {})},
        )

    def _document(self, view: TriggerView, *, secret: str | None = None) -> views.TriggerDocument:
        return views.trigger_document(
            view, public_url=self._public_url, now=self._access.now(), secret=secret
        )


def event_page(
    documents: list[views.EventDocument], *, cursor: BeforeVersion | None, limit: int
) -> views.EventPage:
    """Return a page of a history, which is given in its order, newest first."""
    shown = [one for one in reversed(documents) if cursor is None or one.version < cursor.version]
    items = shown[:limit]
    more = len(shown) > limit
    return views.EventPage(
        items=items,
        next_cursor=queries.encode_cursor(BeforeVersion(items[-1].version)) if more else None,
    )
