"""``/api/workflows``: translate and never decide."""

from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

import msgspec
from aiohttp import web

from trigger_api.domain.idempotency import StoredAnswer
from trigger_api.domain.merge_patch import merge
from trigger_api.domain.past import NeverSoError, state_as_of
from trigger_api.domain.recorded import EventRef
from trigger_api.domain.workflow import Workflow, fold
from trigger_api.entrypoints import views
from trigger_api.entrypoints.access import Access
from trigger_api.entrypoints.answers import first_answer, same_answer
from trigger_api.entrypoints.bodies import PutWorkflow, Revert
from trigger_api.entrypoints.http import read_body
from trigger_api.entrypoints.requests import keyed_of, refuse_fixed
from trigger_api.read_model import History, ReadModel, workflow_view_of
from trigger_api.usecases.appending import Caller
from trigger_api.usecases.workflow_commands import Workflows
from trigger_contracts.definition import WorkflowDefinition
from trigger_runtime.web import queries
from trigger_runtime.web.bodies import convert

_FIXED: Final = ("id", "version", "createdAt", "updatedAt")

Wanted = Callable[[Workflow], tuple[str, WorkflowDefinition]]


class WorkflowRoutes:
    """The handlers, and what they need."""

    def __init__(
        self, workflows: Workflows, *, read_model: ReadModel, history: History, access: Access
    ) -> None:
        self._workflows = workflows
        self._read_model = read_model
        self._history = history
        self._access = access

    async def register(self, request: web.Request) -> web.Response:
        """Register a workflow: 201."""
        caller = await self._access.writer(request)
        raw = await read_body(request)
        body = convert(raw, PutWorkflow)

        def answer(workflow: Workflow) -> StoredAnswer:
            return _answer(workflow, status=201, headers={"Location": f"/api/workflows/{workflow.id}"})

        done = await self._workflows.register(
            caller,
            name=body.name,
            definition=body.definition,
            keyed=keyed_of(request, caller=caller, body=raw, answer=answer),
        )
        return same_answer(done) if isinstance(done, StoredAnswer) else first_answer(answer(done))

    async def replace(self, request: web.Request) -> web.Response:
        """Make a workflow what the body says."""
        caller = await self._access.writer(request)
        raw = await read_body(request)
        refuse_fixed(raw, names=_FIXED)
        body = convert(raw, PutWorkflow)

        def wanted(_: Workflow) -> tuple[str, WorkflowDefinition]:
            return body.name, body.definition

        return await self._revise(request, caller=caller, body=raw, wanted=wanted)

    async def patch(self, request: web.Request) -> web.Response:
        """Merge the body into a workflow (RFC 7396)."""
        caller = await self._access.writer(request)
        patch = await read_body(request)
        refuse_fixed(patch, names=_FIXED)

        def wanted(workflow: Workflow) -> tuple[str, WorkflowDefinition]:
            now: dict[str, Any] = {
                "name": workflow.name,
                "definition": msgspec.to_builtins(workflow.definition),
            }
            body = convert(merge(now, patch), PutWorkflow)
            return body.name, body.definition

        return await self._revise(request, caller=caller, body=patch, wanted=wanted)

    async def revert(self, request: web.Request) -> web.Response:
        """Lead a workflow back to what it was at a version."""
        caller = await self._access.writer(request)
        raw = await read_body(request)
        version = convert(raw, Revert).version
        workflow_id = queries.path_id(request, what="workflow")
        history = await self._history.of_workflow(workflow_id, workspace=caller.workspace)
        past = fold(state_as_of(history, moment=version, what="workflow"))
        if past is None:
            raise NeverSoError("workflow")

        def wanted(_: Workflow) -> tuple[str, WorkflowDefinition]:
            return past.name, past.definition

        return await self._revise(
            request, caller=caller, body=raw, wanted=wanted, cause=EventRef(workflow_id, version)
        )

    async def delete(self, request: web.Request) -> web.Response:
        """End a workflow and its triggers."""
        caller = await self._access.writer(request)
        workflow_id = queries.path_id(request, what="workflow")
        await self._workflows.delete(
            caller, workflow_id=workflow_id, condition=self._access.condition(request)
        )
        return web.Response(status=204)

    async def _revise(
        self,
        request: web.Request,
        *,
        caller: Caller,
        body: Any,
        wanted: Wanted,
        cause: EventRef | None = None,
    ) -> web.Response:
        keyed = None
        if request.method == "POST":
            keyed = keyed_of(request, caller=caller, body=body, answer=_answer)
        done = await self._workflows.revise(
            caller,
            workflow_id=_id_in(request),
            wanted=wanted,
            condition=self._access.condition(request),
            keyed=keyed,
            cause=cause,
        )
        return same_answer(done) if isinstance(done, StoredAnswer) else first_answer(_answer(done))


def _id_in(request: web.Request) -> UUID:
    return queries.path_id(request, what="workflow")


def _answer(workflow: Workflow, *, status: int = 200, headers: dict[str, str] | None = None) -> StoredAnswer:
    document = views.workflow_document(workflow_view_of(workflow))
    tag = {"ETag": f'"{workflow.version}"'}
    return views.answer(document, status=status, headers={**tag, **(headers or {})})
