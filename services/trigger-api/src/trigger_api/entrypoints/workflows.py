"""``/api/workflows``."""

from typing import Final
from uuid import UUID

from trigger_api.domain.history import changes, workflow_facts
from trigger_api.domain.past import state_as_of
from trigger_api.domain.workflow import Workflow, evolve, fold
from trigger_api.entrypoints import views
from trigger_api.entrypoints.bodies import AfterId, AsOf, ListEvents, ListWorkflows
from trigger_api.entrypoints.history_pages import event_page
from trigger_api.entrypoints.http import READ
from trigger_api.ports import NotFoundError
from trigger_api.read_model import History, ReadModel, workflow_view_of
from trigger_api.usecases.appending import Caller
from trigger_runtime.web.operations import Response, Success, operation
from trigger_runtime.web.parameters import encode_cursor

_SHOWN: Final = Success(
    description="The workflow.", headers={"ETag": "The version, in quotes, for If-Match."}
)


class WorkflowHandlers:
    """The handlers, and what they need."""

    def __init__(self, *, read_model: ReadModel, history: History) -> None:
        self._read_model = read_model
        self._history = history

    @operation("GET", "/api/workflows", scope=READ, tag="Workflows", success=Success(description="A page."))
    async def list_workflows(self, caller: Caller, query: ListWorkflows) -> views.WorkflowPage:
        """List workflows, newest first."""
        page = await self._read_model.workflows(
            workspace=caller.workspace,
            name=query.name,
            before=query.cursor.id if query.cursor else None,
            limit=query.limit,
        )
        return views.WorkflowPage(
            items=[views.workflow_document(view) for view in page.items],
            next_cursor=encode_cursor(AfterId(page.last)) if page.last else None,
        )

    @operation("GET", "/api/workflows/{id}", scope=READ, tag="Workflows", success=_SHOWN)
    async def get_workflow(
        self, caller: Caller, workflow_id: UUID, query: AsOf
    ) -> Response[views.WorkflowDocument]:
        """Show a workflow, as it is or as it was."""
        if query.as_of is not None:
            history = await self._history.of_workflow(workflow_id, workspace=caller.workspace)
            past = fold(state_as_of(history, moment=query.as_of, what="workflow"))
            if past is None or past.deleted_at is not None:
                raise NotFoundError("workflow at that time")
            return Response(content=views.workflow_document(workflow_view_of(past)))
        view = await self._read_model.workflow(workflow_id, workspace=caller.workspace)
        if view is None:
            raise NotFoundError("workflow")
        return Response(content=views.workflow_document(view), headers={"ETag": f'"{view.version}"'})

    @operation(
        "GET",
        "/api/workflows/{id}/events",
        scope=READ,
        tag="Workflows",
        success=Success(description="A page of the history."),
    )
    async def list_workflow_events(
        self, caller: Caller, workflow_id: UUID, query: ListEvents
    ) -> views.EventPage:
        """Who changed what and when, newest first."""
        history = await self._history.of_workflow(workflow_id, workspace=caller.workspace)
        if not history:
            raise NotFoundError("workflow")
        documents: list[views.EventDocument] = []
        workflow: Workflow | None = None
        for recorded in history:
            before, workflow = workflow, evolve(workflow, recorded)
            changed = changes(workflow_facts(before), after=workflow_facts(workflow))
            documents.append(views.event_document(recorded, found=changed))
        return event_page(documents, cursor=query.cursor, limit=query.limit)
