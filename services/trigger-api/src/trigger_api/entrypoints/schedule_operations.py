"""Operations on schedules, as the router and the document know them."""

from trigger_api.entrypoints import bodies, views
from trigger_api.entrypoints import parameters as given
from trigger_api.entrypoints.access import READ, RUN
from trigger_api.entrypoints.declared import Answer, Body, Operation
from trigger_api.entrypoints.schedule_run_routes import ScheduleRunRoutes


def schedule_operations(runs: ScheduleRunRoutes) -> list[Operation]:
    """Return the operations."""
    return [
        Operation(
            id="runSchedule",
            method="POST",
            path="/api/triggers/{id}/schedule/run",
            handler=runs.run,
            tag="Schedules",
            summary="Run a schedule now, as if it fired",
            description=(
                "Its payload is that of a fire at this moment. It runs whatever the overlap policy says, and "
                "also while the trigger is paused."
            ),
            scope=RUN,
            parameters=(given.IDEMPOTENCY_KEY,),
            answer=Answer(
                status=202,
                description="Temporal has the run.",
                kind=views.ExecutionAccepted,
                headers={"X-Execution-Id": "The execution's id."},
            ),
            problems=(400, 404, 409, 422),
        ),
        Operation(
            id="previewBackfill",
            method="POST",
            path="/api/triggers/{id}/schedule/backfill/preview",
            handler=runs.preview_backfill,
            tag="Schedules",
            summary="What a backfill of a past range would run",
            scope=READ,
            body=Body(kind=bodies.PreviewBackfill),
            answer=Answer(status=200, description="The runs.", kind=views.BackfillDocument),
            problems=(400, 404, 413, 415, 422),
        ),
        Operation(
            id="backfillSchedule",
            method="POST",
            path="/api/triggers/{id}/schedule/backfill",
            handler=runs.backfill,
            tag="Schedules",
            summary="Run what a past range would have fired",
            description=(
                "Preview it first: it is not done where it would be other than `expectedFires` runs. A time "
                "that ran before runs again, under the same execution id."
            ),
            scope=RUN,
            parameters=(given.IDEMPOTENCY_KEY,),
            body=Body(kind=bodies.Backfill),
            answer=Answer(
                status=202,
                description="Temporal has taken it, and runs these as far as the overlap policy lets it.",
                kind=views.BackfillDocument,
            ),
            problems=(400, 404, 409, 413, 415, 422),
        ),
    ]
