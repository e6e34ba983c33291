"""``/api/workflows``."""

from typing import Annotated, Any, Final
from uuid import UUID

import msgspec

from trigger_api.adapters.postgres_read_model import PostgresReadModel
from trigger_api.domain.history import changes_of, state_as_of
from trigger_api.domain.idempotency import StoredResponse
from trigger_api.domain.workflow import WORKFLOWS, DesiredWorkflow, Workflow
from trigger_api.entrypoints import request_models as requests
from trigger_api.entrypoints.history_page import event_page
from trigger_api.entrypoints.http import (
    READ,
    WRITE,
    KeyHeader,
    response_of,
    stored_response,
    without_shown,
)
from trigger_api.entrypoints.preconditions import ETAG, IfMatch, IfNoneMatch, Preconditions, etag_of
from trigger_api.entrypoints.request_models import AfterId, AsOf, ListEvents, ListWorkflows
from trigger_api.entrypoints.response_models import EventPage, WorkflowPage
from trigger_api.ports import EventStore, NotFoundError
from trigger_api.read_model import WorkflowDocument, workflow_document
from trigger_api.usecases.command import Caller
from trigger_api.usecases.workflow_commands import (
    DeleteWorkflow,
    PatchWorkflow,
    RegisterWorkflow,
    ReplaceWorkflow,
    RevertWorkflow,
    WorkflowCommands,
)
from trigger_runtime.web.operations import JSON, MERGE_PATCH, Response, Success, operation
from trigger_runtime.web.parameters import encode_cursor
from trigger_validation import decode

_SHOWN_ONLY: Final = frozenset({"id", "version", "createdAt", "updatedAt"})
"""What an answer has, and a request cannot set."""
_SHOWN: Final = Success(description="The workflow.", headers=ETAG)
_NOT_MODIFIED: Final = Success(status=304, description="The client has this version.", headers=ETAG)
_ID: Final = {"id": "$response.body#/id"}
_OPERATIONS_ON_IT: Final = dict.fromkeys(
    (
        "getWorkflow",
        "replaceWorkflow",
        "patchWorkflow",
        "deleteWorkflow",
        "revertWorkflow",
        "listWorkflowEvents",
    ),
    _ID,
)


class WorkflowHandlers:
    """The handlers, and what they need."""

    def __init__(
        self,
        commands: WorkflowCommands,
        *,
        read_model: PostgresReadModel,
        store: EventStore,
        preconditions: Preconditions,
    ) -> None:
        self._commands = commands
        self._read_model = read_model
        self._store = store
        self._preconditions = preconditions

    @operation(
        "POST",
        "/api/workflows",
        scope=WRITE,
        tag="Workflows",
        success=Success(
            status=201,
            description="It is registered.",
            headers={**ETAG, "Location": "Its address."},
            links=_OPERATIONS_ON_IT,
        ),
    )
    async def register_workflow(
        self, caller: Caller, key: KeyHeader, body: requests.RegisterWorkflow, sent_body: Any
    ) -> Response[WorkflowDocument]:
        """Register a workflow."""
        command = RegisterWorkflow(
            caller=caller,
            desired=_desired(body),
            key=key.idempotency_key(caller=caller, body=sent_body),
            render=_registered,
        )
        return response_of(await self._commands.register_workflow(command))

    @operation("GET", "/api/workflows", scope=READ, tag="Workflows", success=Success(description="A page."))
    async def list_workflows(self, caller: Caller, query: ListWorkflows) -> WorkflowPage:
        """List workflows, newest first."""
        page = await self._read_model.workflows(
            workspace=caller.workspace,
            name=query.name,
            before=query.cursor.id if query.cursor else None,
            limit=query.limit,
        )
        return WorkflowPage(
            items=list(page.items),
            next_cursor=encode_cursor(AfterId(page.last)) if page.last else None,
        )

    @operation("GET", "/api/workflows/{id}", scope=READ, tag="Workflows", success=(_SHOWN, _NOT_MODIFIED))
    async def get_workflow(
        self, caller: Caller, workflow_id: UUID, query: AsOf, if_none_match: IfNoneMatch
    ) -> Response[WorkflowDocument]:
        """Show a workflow, as it is or as it was."""
        if query.as_of is not None:
            history = await self._store.history(WORKFLOWS, workflow_id, workspace=caller.workspace)
            past = state_as_of(WORKFLOWS, history, moment=query.as_of)
            if past.deleted_at is not None:
                raise NotFoundError("workflow at that time")
            return Response(content=workflow_document(past))
        view = await self._read_model.workflow(workflow_id, workspace=caller.workspace)
        if view is None:
            raise NotFoundError("workflow")
        if if_none_match.has(view.version):
            return Response(content=msgspec.Raw(), status=304, headers=etag_of(view.version))
        return Response(content=view, headers=etag_of(view.version))

    @operation("PUT", "/api/workflows/{id}", scope=WRITE, tag="Workflows", success=_SHOWN, errors=(409,))
    async def replace_workflow(
        self,
        caller: Caller,
        workflow_id: UUID,
        if_match: IfMatch,
        sent_body: Annotated[Any, requests.PutWorkflow],
    ) -> Response[WorkflowDocument]:
        """Replace a workflow's name and definition."""
        body = without_shown(sent_body, item_id=workflow_id, shown=_SHOWN_ONLY)
        command = ReplaceWorkflow(
            caller=caller,
            workflow_id=workflow_id,
            if_match=self._preconditions.versions(if_match, body=sent_body),
            desired=_desired(decode(body, requests.PutWorkflow)),
            render=_changed,
        )
        return response_of(await self._commands.replace_workflow(command))

    @operation(
        "PATCH",
        "/api/workflows/{id}",
        scope=WRITE,
        tag="Workflows",
        success=_SHOWN,
        errors=(409,),
        media_types=(JSON, MERGE_PATCH),
    )
    async def patch_workflow(
        self,
        caller: Caller,
        workflow_id: UUID,
        if_match: IfMatch,
        sent_body: Annotated[Any, requests.PatchWorkflow],
    ) -> Response[WorkflowDocument]:
        """Change a workflow (JSON merge patch)."""
        patch = without_shown(sent_body, item_id=workflow_id, shown=_SHOWN_ONLY)
        command = PatchWorkflow(
            caller=caller,
            workflow_id=workflow_id,
            if_match=self._preconditions.versions(if_match, body=sent_body),
            patch=patch,
            render=_changed,
        )
        return response_of(await self._commands.patch_workflow(command))

    @operation(
        "DELETE",
        "/api/workflows/{id}",
        scope=WRITE,
        tag="Workflows",
        success=Success(status=204, description="It is gone; its history stays."),
        errors=(400, 409),
    )
    async def delete_workflow(self, caller: Caller, workflow_id: UUID, if_match: IfMatch) -> None:
        """Delete a workflow and its triggers."""
        versions = self._preconditions.versions(if_match)
        command = DeleteWorkflow(caller=caller, workflow_id=workflow_id, if_match=versions)
        await self._commands.delete_workflow(command)

    @operation("POST", "/api/workflows/{id}/revert", scope=WRITE, tag="Workflows", success=_SHOWN)
    async def revert_workflow(
        self,
        caller: Caller,
        workflow_id: UUID,
        if_match: IfMatch,
        key: KeyHeader,
        sent_body: Any,
        body: requests.Revert,
    ) -> Response[WorkflowDocument]:
        """Lead a workflow back to an earlier version.

        Appends the events that lead back there; nothing is taken out of the history.
        """
        command = RevertWorkflow(
            caller=caller,
            workflow_id=workflow_id,
            if_match=self._preconditions.versions(if_match),
            version=body.version,
            key=key.idempotency_key(caller=caller, body=sent_body),
            render=_changed,
        )
        return response_of(await self._commands.revert_workflow(command))

    @operation(
        "GET",
        "/api/workflows/{id}/events",
        scope=READ,
        tag="Workflows",
        success=Success(description="A page of the history."),
    )
    async def list_workflow_events(self, caller: Caller, workflow_id: UUID, query: ListEvents) -> EventPage:
        """Who changed what and when, newest first."""
        history = await self._store.history(WORKFLOWS, workflow_id, workspace=caller.workspace)
        if not history:
            raise NotFoundError("workflow")
        return event_page(changes_of(WORKFLOWS, history), cursor=query.cursor, limit=query.limit)


def _desired(body: requests.RegisterWorkflow | requests.PutWorkflow) -> DesiredWorkflow:
    return DesiredWorkflow(name=body.name, definition=body.definition)


def _changed(
    workflow: Workflow, *, status: int = 200, headers: dict[str, str] | None = None
) -> StoredResponse:
    document = workflow_document(workflow)
    return stored_response(document, status=status, headers={**etag_of(workflow.version), **(headers or {})})


def _registered(workflow: Workflow) -> StoredResponse:
    return _changed(workflow, status=201, headers={"Location": f"/api/workflows/{workflow.id}"})
