"""Operations on workflows, as the router and the document know them."""

from typing import Final

from trigger_api.entrypoints import bodies, views
from trigger_api.entrypoints import parameters as given
from trigger_api.entrypoints.access import WRITE
from trigger_api.entrypoints.declared import JSON, MERGE_PATCH, Answer, Body, Operation
from trigger_api.entrypoints.workflow_routes import WorkflowRoutes

_TAG: Final = {"ETag": "The version, in quotes, for If-Match."}
_ID: Final = {"id": "$response.body#/id"}
_TO_WORKFLOW: Final = dict.fromkeys(
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
_CHANGE: Final = (400, 404, 409, 412, 413, 415, 422, 428)
_REPEATABLE: Final = (given.IF_MATCH, given.IDEMPOTENCY_KEY)


def workflow_operations(routes: WorkflowRoutes) -> list[Operation]:
    """Return the operations."""
    one = "/api/workflows/{id}"
    shown = Answer(status=200, description="The workflow.", kind=views.WorkflowDocument, headers=_TAG)
    return [
        Operation(
            id="registerWorkflow",
            method="POST",
            path="/api/workflows",
            handler=routes.register,
            tag="Workflows",
            summary="Register a workflow",
            scope=WRITE,
            parameters=(given.IDEMPOTENCY_KEY,),
            body=Body(kind=bodies.PutWorkflow),
            answer=Answer(
                status=201,
                description="It is registered.",
                kind=views.WorkflowDocument,
                headers={**_TAG, "Location": "Its address."},
                links=_TO_WORKFLOW,
            ),
            problems=(400, 413, 415, 422),
        ),
        Operation(
            id="replaceWorkflow",
            method="PUT",
            path=one,
            handler=routes.replace,
            tag="Workflows",
            summary="Replace a workflow's name and definition",
            scope=WRITE,
            parameters=(given.IF_MATCH,),
            body=Body(kind=bodies.PutWorkflow),
            answer=shown,
            problems=_CHANGE,
        ),
        Operation(
            id="patchWorkflow",
            method="PATCH",
            path=one,
            handler=routes.patch,
            tag="Workflows",
            summary="Change a workflow (JSON merge patch)",
            scope=WRITE,
            parameters=(given.IF_MATCH,),
            body=Body(kind=bodies.PatchWorkflow, media_types=(JSON, MERGE_PATCH)),
            answer=shown,
            problems=_CHANGE,
        ),
        Operation(
            id="deleteWorkflow",
            method="DELETE",
            path=one,
            handler=routes.delete,
            tag="Workflows",
            summary="Delete a workflow and its triggers",
            scope=WRITE,
            parameters=(given.IF_MATCH,),
            answer=Answer(status=204, description="It is gone; its history stays."),
            problems=(400, 404, 409, 412, 428),
        ),
        Operation(
            id="revertWorkflow",
            method="POST",
            path=f"{one}/revert",
            handler=routes.revert,
            tag="Workflows",
            summary="Lead a workflow back to an earlier version",
            description="Appends the events that lead back there; nothing is taken out of the history.",
            scope=WRITE,
            parameters=_REPEATABLE,
            body=Body(kind=bodies.Revert),
            answer=shown,
            problems=_CHANGE,
        ),
    ]
