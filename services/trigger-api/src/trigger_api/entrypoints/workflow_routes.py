"""``/api/workflows``: translate and never decide."""

from typing import Any, Final
from uuid import UUID

import msgspec
from aiohttp import web

from trigger_api.domain.merge_patch import merge
from trigger_api.domain.workflow import Workflow
from trigger_api.entrypoints.requests import WorkflowBody, body_of, caller_of, if_match_of, refuse_fixed
from trigger_api.entrypoints.trigger_routes import READ, WRITE, After, next_cursor
from trigger_api.entrypoints.views import workflow_document
from trigger_api.ports import NotFoundError
from trigger_api.read_model import ReadModel
from trigger_api.usecases.appending import Caller
from trigger_api.usecases.workflow_commands import Workflows
from trigger_contracts.definition import WorkflowDefinition
from trigger_runtime.web import queries
from trigger_runtime.web.application import json_response
from trigger_runtime.web.bodies import convert
from trigger_runtime.web.tokens import TokenVerifier

_FIXED: Final = ("id", "version", "createdAt", "updatedAt")


class WorkflowRoutes:
    """The handlers, and what they need."""

    def __init__(self, workflows: Workflows, *, read_model: ReadModel, tokens: TokenVerifier) -> None:
        self._workflows = workflows
        self._read_model = read_model
        self._tokens = tokens

    def routes(self) -> list[web.RouteDef]:
        """Return the route table."""
        one = "/api/workflows/{id}"
        return [
            web.post("/api/workflows", self.register),
            web.get("/api/workflows", self.list),
            web.get(one, self.show),
            web.put(one, self.replace),
            web.patch(one, self.patch),
            web.delete(one, self.delete),
        ]

    async def register(self, request: web.Request) -> web.Response:
        """Register a workflow: 201."""
        caller = self._caller(request, scope=WRITE)
        body = convert(await body_of(request), WorkflowBody)
        workflow = await self._workflows.register(caller, name=body.name, definition=body.definition)
        return await self._shown(
            workflow.id, caller=caller, status=201, headers={"Location": f"/api/workflows/{workflow.id}"}
        )

    async def list(self, request: web.Request) -> web.Response:
        """Return a page of workflows, newest first."""
        caller = self._caller(request, scope=READ)
        queries.refuse_unknown(request, known=("limit", "cursor"))
        cursor = queries.cursor_of(request, After)
        page = await self._read_model.workflows(
            workspace=caller.workspace,
            before=cursor.id if cursor else None,
            limit=queries.limit_of(request),
        )
        items = [workflow_document(view) for view in page.items]
        return json_response({"items": items, "nextCursor": next_cursor(page.last)})

    async def show(self, request: web.Request) -> web.Response:
        """Return one workflow."""
        caller = self._caller(request, scope=READ)
        return await self._shown(queries.path_id(request, what="workflow"), caller=caller)

    async def replace(self, request: web.Request) -> web.Response:
        """Make a workflow what the body says."""
        caller = self._caller(request, scope=WRITE)
        workflow_id = queries.path_id(request, what="workflow")
        raw = await body_of(request)
        refuse_fixed(raw, names=_FIXED)
        body = convert(raw, WorkflowBody)

        def wanted(_: Workflow) -> tuple[str, WorkflowDefinition]:
            return body.name, body.definition

        await self._workflows.revise(
            caller, workflow_id=workflow_id, wanted=wanted, if_version=if_match_of(request)
        )
        return await self._shown(workflow_id, caller=caller)

    async def patch(self, request: web.Request) -> web.Response:
        """Merge the body into a workflow (RFC 7396)."""
        caller = self._caller(request, scope=WRITE)
        workflow_id = queries.path_id(request, what="workflow")
        patch = await body_of(request)
        refuse_fixed(patch, names=_FIXED)

        def wanted(workflow: Workflow) -> tuple[str, WorkflowDefinition]:
            now: dict[str, Any] = {
                "name": workflow.name,
                "definition": msgspec.to_builtins(workflow.definition),
            }
            body = convert(merge(now, patch), WorkflowBody)
            return body.name, body.definition

        await self._workflows.revise(
            caller, workflow_id=workflow_id, wanted=wanted, if_version=if_match_of(request)
        )
        return await self._shown(workflow_id, caller=caller)

    async def delete(self, request: web.Request) -> web.Response:
        """End a workflow and its triggers."""
        caller = self._caller(request, scope=WRITE)
        workflow_id = queries.path_id(request, what="workflow")
        await self._workflows.delete(caller, workflow_id=workflow_id, if_version=if_match_of(request))
        return web.Response(status=204)

    def _caller(self, request: web.Request, *, scope: str) -> Caller:
        return caller_of(request, tokens=self._tokens, scope=scope)

    async def _shown(
        self, workflow_id: UUID, *, caller: Caller, status: int = 200, headers: dict[str, str] | None = None
    ) -> web.Response:
        view = await self._read_model.workflow(workflow_id, workspace=caller.workspace)
        if view is None:
            raise NotFoundError("workflow")
        return json_response(
            workflow_document(view),
            status=status,
            headers={"ETag": f'"{view.version}"', **(headers or {})},
        )
