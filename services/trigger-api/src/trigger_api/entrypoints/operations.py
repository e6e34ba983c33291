"""Everything that the API offers: the routes, and the document at ``/openapi.json``."""

from importlib.metadata import version
from typing import Any, Final

from trigger_api.entrypoints import bodies, views
from trigger_api.entrypoints import parameters as given
from trigger_api.entrypoints.access import READ, RUN, WRITE
from trigger_api.entrypoints.catalog_routes import CatalogRoutes
from trigger_api.entrypoints.schedule_routes import ScheduleRoutes
from trigger_api.entrypoints.trigger_routes import TriggerRoutes
from trigger_api.entrypoints.workflow_routes import WorkflowRoutes
from trigger_contracts.config import EventConfig, ManualConfig, ScheduleConfig, WebhookConfig
from trigger_runtime.web.openapi import ApiInfo, document
from trigger_runtime.web.operations import JSON, MERGE_PATCH, Answer, Body, Operation

TITLE: Final = "FlowMaestro triggers: configuration"
_CONFIGS: Final = (ScheduleConfig, WebhookConfig, EventConfig, ManualConfig)
_TAG: Final = {"ETag": "The version, in quotes, for If-Match."}
_ID: Final = {"id": "$response.body#/id"}
_TO_TRIGGER: Final = dict.fromkeys(
    (
        "getTrigger",
        "replaceTrigger",
        "patchTrigger",
        "deleteTrigger",
        "pauseTrigger",
        "resumeTrigger",
        "rotateSecret",
        "revertTrigger",
        "executeTrigger",
        "listTriggerEvents",
        "getSchedule",
    ),
    _ID,
)
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


def operations(
    *, triggers: TriggerRoutes, workflows: WorkflowRoutes, schedules: ScheduleRoutes, catalog: CatalogRoutes
) -> list[Operation]:
    """Return the registry."""
    return [
        *_workflow_operations(workflows),
        *_trigger_operations(triggers),
        *_trigger_actions(triggers),
        *_schedule_operations(schedules),
        Operation(
            id="listTriggerTypes",
            method="GET",
            path="/api/trigger-types",
            handler=catalog.show,
            tag="Triggers",
            summary="What can be configured: each type's JSON Schema, and the providers",
            scope=READ,
            answer=Answer(status=200, description="The types.", kind=views.TriggerTypesDocument),
        ),
    ]


def api_document(found: list[Operation]) -> dict[str, Any]:
    """Return the OpenAPI document of a registry."""
    info = ApiInfo(
        title=TITLE,
        version=version("trigger-api"),
        description=(
            "Workflows and triggers, kept as an event log. Fields may be added to answers; clients ignore "
            "those they do not know. Requests are closed: a field that does not exist is refused, with a "
            "JSON pointer. Everything belongs to the workspace of the token (claim `org`, else `sub`); "
            "what is somebody else's does not exist."
        ),
        tags={
            "Workflows": "What is run.",
            "Triggers": "What starts it.",
            "Schedules": "When it starts.",
        },
    )
    return document(info, operations=found, extra=_CONFIGS, untagged=_CONFIGS)


def _workflow_operations(routes: WorkflowRoutes) -> list[Operation]:
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
            id="listWorkflows",
            method="GET",
            path="/api/workflows",
            handler=routes.index,
            tag="Workflows",
            summary="List workflows, newest first",
            scope=READ,
            parameters=(given.NAME, given.LIMIT, given.CURSOR),
            answer=Answer(status=200, description="A page.", kind=views.WorkflowPage),
            problems=(400,),
        ),
        Operation(
            id="getWorkflow",
            method="GET",
            path=one,
            handler=routes.show,
            tag="Workflows",
            summary="Show a workflow, as it is or as it was",
            scope=READ,
            parameters=(given.AS_OF,),
            answer=shown,
            problems=(400, 404),
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
        Operation(
            id="listWorkflowEvents",
            method="GET",
            path=f"{one}/events",
            handler=routes.events,
            tag="Workflows",
            summary="Who changed what and when, newest first",
            scope=READ,
            parameters=(given.LIMIT, given.HISTORY_CURSOR),
            answer=Answer(status=200, description="A page of the history.", kind=views.EventPage),
            problems=(400, 404),
        ),
    ]


def _trigger_operations(routes: TriggerRoutes) -> list[Operation]:
    one = "/api/triggers/{id}"
    shown = Answer(status=200, description="The trigger.", kind=views.TriggerDocument, headers=_TAG)
    return [
        Operation(
            id="createTrigger",
            method="POST",
            path="/api/triggers",
            handler=routes.create,
            tag="Triggers",
            summary="Create a trigger",
            description="A webhook's secret is in this answer and in no other.",
            scope=WRITE,
            parameters=(given.IDEMPOTENCY_KEY,),
            body=Body(kind=bodies.CreateTrigger),
            answer=Answer(
                status=201,
                description="It is created.",
                kind=views.TriggerDocument,
                headers={**_TAG, "Location": "Its address."},
                links=_TO_TRIGGER,
            ),
            problems=(400, 404, 409, 413, 415, 422),
        ),
        Operation(
            id="listTriggers",
            method="GET",
            path="/api/triggers",
            handler=routes.index,
            tag="Triggers",
            summary="List triggers, newest first",
            scope=READ,
            parameters=(
                given.WORKFLOW_ID,
                given.TYPE,
                given.ENABLED,
                given.NAME,
                given.LIMIT,
                given.CURSOR,
            ),
            answer=Answer(status=200, description="A page.", kind=views.TriggerPage),
            problems=(400,),
        ),
        Operation(
            id="getTrigger",
            method="GET",
            path=one,
            handler=routes.show,
            tag="Triggers",
            summary="Show a trigger, as it is or as it was",
            scope=READ,
            parameters=(given.AS_OF,),
            answer=shown,
            problems=(400, 404),
        ),
        Operation(
            id="replaceTrigger",
            method="PUT",
            path=one,
            handler=routes.replace,
            tag="Triggers",
            summary="Replace a trigger's name and configuration",
            scope=WRITE,
            parameters=(given.IF_MATCH,),
            body=Body(kind=bodies.PutTrigger),
            answer=shown,
            problems=_CHANGE,
        ),
        Operation(
            id="patchTrigger",
            method="PATCH",
            path=one,
            handler=routes.patch,
            tag="Triggers",
            summary="Change a trigger (JSON merge patch)",
            scope=WRITE,
            parameters=(given.IF_MATCH,),
            body=Body(kind=bodies.PatchTrigger, media_types=(JSON, MERGE_PATCH)),
            answer=shown,
            problems=_CHANGE,
        ),
        Operation(
            id="deleteTrigger",
            method="DELETE",
            path=one,
            handler=routes.delete,
            tag="Triggers",
            summary="Delete a trigger",
            scope=WRITE,
            parameters=(given.IF_MATCH,),
            answer=Answer(status=204, description="It is gone; its history stays."),
            problems=(400, 404, 409, 412, 428),
        ),
        Operation(
            id="listTriggerEvents",
            method="GET",
            path=f"{one}/events",
            handler=routes.events,
            tag="Triggers",
            summary="Who changed what and when, newest first",
            scope=READ,
            parameters=(given.LIMIT, given.HISTORY_CURSOR),
            answer=Answer(status=200, description="A page of the history.", kind=views.EventPage),
            problems=(400, 404),
        ),
    ]


def _trigger_actions(routes: TriggerRoutes) -> list[Operation]:
    one = "/api/triggers/{id}"
    shown = Answer(status=200, description="The trigger.", kind=views.TriggerDocument, headers=_TAG)
    return [
        Operation(
            id="pauseTrigger",
            method="POST",
            path=f"{one}/pause",
            handler=routes.pause,
            tag="Triggers",
            summary="Let a trigger start nothing until it is resumed",
            scope=WRITE,
            parameters=_REPEATABLE,
            answer=shown,
            problems=(400, 404, 409, 412, 422, 428),
        ),
        Operation(
            id="resumeTrigger",
            method="POST",
            path=f"{one}/resume",
            handler=routes.resume,
            tag="Triggers",
            summary="Let a trigger start workflows again",
            scope=WRITE,
            parameters=_REPEATABLE,
            answer=shown,
            problems=(400, 404, 409, 412, 422, 428),
        ),
        Operation(
            id="rotateSecret",
            method="POST",
            path=f"{one}/rotate-secret",
            handler=routes.rotate_secret,
            tag="Triggers",
            summary="Put a new webhook secret in force",
            description="The old one stays valid for `overlapSeconds`; `previousSecret` tells of its use.",
            scope=WRITE,
            parameters=_REPEATABLE,
            body=Body(kind=bodies.RotateSecret, optional=True),
            answer=shown,
            problems=_CHANGE,
        ),
        Operation(
            id="revertTrigger",
            method="POST",
            path=f"{one}/revert",
            handler=routes.revert,
            tag="Triggers",
            summary="Lead a trigger back to an earlier version",
            description=(
                "Appends the events that lead back there. Secrets stay as they are: one that was rotated "
                "away does not come back."
            ),
            scope=WRITE,
            parameters=_REPEATABLE,
            body=Body(kind=bodies.Revert),
            answer=shown,
            problems=_CHANGE,
        ),
        Operation(
            id="executeTrigger",
            method="POST",
            path=f"{one}/execute",
            handler=routes.execute,
            tag="Triggers",
            summary="Run a trigger now, whatever its type",
            scope=RUN,
            parameters=(given.IDEMPOTENCY_KEY,),
            body=Body(kind=bodies.ExecuteTrigger, optional=True),
            answer=Answer(
                status=202,
                description="The request is stored; this execution will run.",
                kind=views.ExecutionAccepted,
                headers={"X-Execution-Id": "The execution's id."},
            ),
            problems=(400, 404, 409, 413, 415, 422),
        ),
    ]


def _schedule_operations(routes: ScheduleRoutes) -> list[Operation]:
    return [
        Operation(
            id="getSchedule",
            method="GET",
            path="/api/triggers/{id}/schedule",
            handler=routes.show,
            tag="Schedules",
            summary="What Temporal has for a schedule trigger",
            scope=READ,
            answer=Answer(status=200, description="The schedule.", kind=views.ScheduleDocument),
            problems=(404,),
        ),
        Operation(
            id="previewSchedule",
            method="POST",
            path="/api/schedules/preview",
            handler=routes.preview,
            tag="Schedules",
            summary="When a schedule would fire, before it is saved",
            scope=READ,
            body=Body(kind=bodies.PreviewSchedule),
            answer=Answer(status=200, description="The fire times.", kind=views.PreviewDocument),
            problems=(400, 413, 415, 422),
        ),
    ]
