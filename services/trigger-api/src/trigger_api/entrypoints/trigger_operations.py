"""Operations on triggers, as the router and the document know them."""

from typing import Final

from trigger_api.entrypoints import bodies, views
from trigger_api.entrypoints import parameters as given
from trigger_api.entrypoints.access import WRITE
from trigger_api.entrypoints.declared import JSON, MERGE_PATCH, Answer, Body, Operation
from trigger_api.entrypoints.trigger_routes import TriggerRoutes

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
_CHANGE: Final = (400, 404, 409, 412, 413, 415, 422, 428)


def trigger_operations(routes: TriggerRoutes) -> list[Operation]:
    """Return the operations."""
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
    ]
