"""Operations on schedules, as the router and the document know them."""

from trigger_api.entrypoints import bodies, views
from trigger_api.entrypoints.access import READ
from trigger_api.entrypoints.schedule_routes import ScheduleRoutes
from trigger_runtime.web.operations import Answer, Body, Operation


def schedule_operations(routes: ScheduleRoutes) -> list[Operation]:
    """Return the operations."""
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
