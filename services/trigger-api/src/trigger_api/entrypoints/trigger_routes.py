"""``/api/triggers``: translate and never decide."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
import structlog
from aiohttp import web

from trigger_api.domain.merge_patch import merge
from trigger_api.domain.trigger import Trigger, Wanted, paused, resumed
from trigger_api.entrypoints.requests import (
    CreateTrigger,
    ExecuteTrigger,
    ReplaceTrigger,
    RotateSecret,
    body_of,
    caller_of,
    idempotency_key_of,
    if_match_of,
    optional_body_of,
    refuse_fixed,
    revised,
    wanted_of,
)
from trigger_api.entrypoints.views import config_document, event_document, trigger_document
from trigger_api.ports import Chance, NotFoundError
from trigger_api.read_model import Activity, History, ReadModel, TriggerFilter, TriggerView, view_of
from trigger_api.usecases.appending import Caller
from trigger_api.usecases.trigger_commands import Changed, Triggers
from trigger_contracts.config import TriggerType
from trigger_runtime.postgres import DatabaseUnavailableError
from trigger_runtime.web import queries
from trigger_runtime.web.application import json_response
from trigger_runtime.web.bodies import convert
from trigger_runtime.web.tokens import TokenVerifier

READ: Final = "triggers:read"
WRITE: Final = "triggers:write"
RUN: Final = "triggers:run"

_FIXED: Final = ("id", "workflowId", "triggerType", "version", "createdAt", "updatedAt")


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
        read_model: ReadModel,
        history: History,
        tokens: TokenVerifier,
        chance: Chance,
        public_url: str,
    ) -> None:
        self._triggers = triggers
        self._read_model = read_model
        self._history = history
        self._tokens = tokens
        self._chance = chance
        self._public_url = public_url

    def routes(self) -> list[web.RouteDef]:
        """Return the route table."""
        one = "/api/triggers/{id}"
        return [
            web.post("/api/triggers", self.create),
            web.get("/api/triggers", self.list),
            web.get(one, self.show),
            web.put(one, self.replace),
            web.patch(one, self.patch),
            web.delete(one, self.delete),
            web.post(f"{one}/pause", self.pause),
            web.post(f"{one}/resume", self.resume),
            web.post(f"{one}/rotate-secret", self.rotate_secret),
            web.post(f"{one}/execute", self.execute),
            web.get(f"{one}/events", self.events),
        ]

    async def create(self, request: web.Request) -> web.Response:
        """Create a trigger: 201, with its secret where it has one."""
        caller = self._caller(request, scope=WRITE)
        body = convert(await body_of(request), CreateTrigger)
        changed = await self._triggers.create(
            caller, workflow_id=body.workflow_id, wanted=wanted_of(body), secret=body.secret
        )
        return self._answer(
            view_of(changed.trigger, activity=Activity()),
            secret=changed.secret,
            status=201,
            headers={"Location": f"/api/triggers/{changed.trigger.id}"},
        )

    async def list(self, request: web.Request) -> web.Response:
        """Return a page of triggers, newest first."""
        caller = self._caller(request, scope=READ)
        queries.refuse_unknown(request, known=("workflowId", "type", "enabled", "limit", "cursor"))
        enabled = queries.choice_of(request, "enabled", among=("true", "false"))
        cursor = queries.cursor_of(request, After)
        page = await self._read_model.triggers(
            workspace=caller.workspace,
            where=TriggerFilter(
                workflow_id=queries.uuid_of(request, "workflowId"),
                trigger_type=queries.choice_of(request, "type", among=[kind.value for kind in TriggerType]),
                enabled=None if enabled is None else enabled == "true",
            ),
            before=cursor.id if cursor else None,
            limit=queries.limit_of(request),
        )
        items = [self._document(view, secret=None) for view in page.items]
        return json_response({"items": items, "nextCursor": next_cursor(page.last)})

    async def show(self, request: web.Request) -> web.Response:
        """Return one trigger."""
        caller = self._caller(request, scope=READ)
        return self._answer(await self._view(queries.path_id(request, what="trigger"), caller=caller))

    async def replace(self, request: web.Request) -> web.Response:
        """Make a trigger what the body says."""
        caller = self._caller(request, scope=WRITE)
        trigger_id = queries.path_id(request, what="trigger")
        raw = await body_of(request)
        refuse_fixed(raw, names=_FIXED)
        body = convert(raw, ReplaceTrigger)

        def wanted(trigger: Trigger) -> Wanted:
            return revised(trigger, body=body)

        changed = await self._triggers.revise(
            caller, trigger_id=trigger_id, wanted=wanted, if_version=if_match_of(request)
        )
        return await self._after(changed)

    async def patch(self, request: web.Request) -> web.Response:
        """Merge the body into a trigger (RFC 7396)."""
        caller = self._caller(request, scope=WRITE)
        trigger_id = queries.path_id(request, what="trigger")
        patch = await body_of(request)
        refuse_fixed(patch, names=_FIXED)

        def wanted(trigger: Trigger) -> Wanted:
            now = {
                "name": trigger.name,
                "enabled": trigger.enabled,
                "config": config_document(trigger.config),
            }
            return revised(trigger, body=convert(merge(now, patch), ReplaceTrigger))

        changed = await self._triggers.revise(
            caller, trigger_id=trigger_id, wanted=wanted, if_version=if_match_of(request)
        )
        return await self._after(changed)

    async def pause(self, request: web.Request) -> web.Response:
        """Stop a trigger from starting anything."""
        return await self._switch(request, wanted=paused)

    async def resume(self, request: web.Request) -> web.Response:
        """Let a trigger start workflows again."""
        return await self._switch(request, wanted=resumed)

    async def _switch(self, request: web.Request, *, wanted: Callable[[Trigger], Wanted]) -> web.Response:
        caller = self._caller(request, scope=WRITE)
        trigger_id = queries.path_id(request, what="trigger")
        changed = await self._triggers.revise(
            caller, trigger_id=trigger_id, wanted=wanted, if_version=if_match_of(request)
        )
        return await self._after(changed)

    async def rotate_secret(self, request: web.Request) -> web.Response:
        """Put a new secret in force and show it, once."""
        caller = self._caller(request, scope=WRITE)
        trigger_id = queries.path_id(request, what="trigger")
        body = convert(await optional_body_of(request), RotateSecret)
        changed = await self._triggers.rotate_secret(
            caller,
            trigger_id=trigger_id,
            overlap=timedelta(seconds=body.overlap_seconds),
            if_version=if_match_of(request),
        )
        return await self._after(changed)

    async def delete(self, request: web.Request) -> web.Response:
        """End a trigger."""
        caller = self._caller(request, scope=WRITE)
        trigger_id = queries.path_id(request, what="trigger")
        await self._triggers.delete(caller, trigger_id=trigger_id, if_version=if_match_of(request))
        return web.Response(status=204)

    async def execute(self, request: web.Request) -> web.Response:
        """Ask for a run now: 202 once the bus has stored the request."""
        caller = self._caller(request, scope=RUN)
        trigger_id = queries.path_id(request, what="trigger")
        body = convert(await optional_body_of(request), ExecuteTrigger)
        execution_id = await self._triggers.execute(
            caller, trigger_id=trigger_id, inputs=body.inputs, key=idempotency_key_of(request)
        )
        structlog.contextvars.bind_contextvars(execution_id=str(execution_id))
        return json_response(
            {"success": True, "executionId": execution_id},
            status=202,
            headers={"X-Execution-Id": str(execution_id)},
        )

    async def events(self, request: web.Request) -> web.Response:
        """Return who changed what and when, newest first."""
        caller = self._caller(request, scope=READ)
        trigger_id = queries.path_id(request, what="trigger")
        queries.refuse_unknown(request, known=("limit", "cursor"))
        await self._view(trigger_id, caller=caller)
        cursor, limit = queries.cursor_of(request, BeforeVersion), queries.limit_of(request)
        history = await self._history.trigger_history(
            trigger_id, before=cursor.version if cursor else None, limit=limit
        )
        more = len(history) == limit and history[-1].version > 1
        following = queries.encode_cursor(BeforeVersion(history[-1].version)) if more else None
        return json_response({"items": [event_document(item) for item in history], "nextCursor": following})

    def _caller(self, request: web.Request, *, scope: str) -> Caller:
        return caller_of(request, tokens=self._tokens, scope=scope)

    async def _view(self, trigger_id: UUID, *, caller: Caller) -> TriggerView:
        view = await self._read_model.trigger(trigger_id, workspace=caller.workspace)
        if view is None:
            raise NotFoundError("trigger")
        return view

    async def _after(self, changed: Changed) -> web.Response:
        """Answer a command. A secret that was just made is shown now or never, so nothing may prevent it."""
        try:
            activity = await self._read_model.activity(changed.trigger.id)
        except DatabaseUnavailableError:
            if changed.secret is None:
                raise
            activity = Activity()
        return self._answer(view_of(changed.trigger, activity=activity), secret=changed.secret)

    def _answer(
        self,
        view: TriggerView,
        *,
        secret: str | None = None,
        status: int = 200,
        headers: dict[str, str] | None = None,
    ) -> web.Response:
        # A secret is shown once, to one client: nothing in between may keep the answer.
        caching = {"Cache-Control": "no-store"} if secret else {}
        return json_response(
            self._document(view, secret=secret),
            status=status,
            headers={"ETag": f'"{view.version}"', **caching, **(headers or {})},
        )

    def _document(self, view: TriggerView, *, secret: str | None) -> dict[str, Any]:
        return trigger_document(view, public_url=self._public_url, now=self._chance.now(), secret=secret)


def next_cursor(last: UUID | None) -> str | None:
    """Return the cursor of the page after ``last``."""
    return queries.encode_cursor(After(last)) if last else None
