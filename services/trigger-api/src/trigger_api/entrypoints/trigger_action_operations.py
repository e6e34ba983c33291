"""What can be done with a trigger, as the router and the document know them."""

from typing import Final

from trigger_api.entrypoints import bodies, views
from trigger_api.entrypoints import parameters as given
from trigger_api.entrypoints.access import RUN, WRITE
from trigger_api.entrypoints.declared import Answer, Body, Operation
from trigger_api.entrypoints.trigger_action_routes import TriggerActionRoutes

_TAG: Final = {"ETag": "The version, in quotes, for If-Match."}
_CHANGE: Final = (400, 404, 409, 412, 413, 415, 422, 428)
_REPEATABLE: Final = (given.IF_MATCH, given.IDEMPOTENCY_KEY)


def trigger_action_operations(routes: TriggerActionRoutes) -> list[Operation]:
    """Return the operations."""
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
