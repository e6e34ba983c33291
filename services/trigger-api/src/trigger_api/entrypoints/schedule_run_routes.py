"""Runs of a schedule that somebody asks for: translate and never decide."""

from collections.abc import Sequence

from aiohttp import web

from trigger_api.domain.idempotency import StoredAnswer
from trigger_api.entrypoints import views
from trigger_api.entrypoints.access import Access
from trigger_api.entrypoints.answers import first_answer, run_answer, same_answer
from trigger_api.entrypoints.bodies import Backfill, PreviewBackfill
from trigger_api.entrypoints.http import read_body
from trigger_api.entrypoints.requests import keyed_of
from trigger_api.ports import Fire
from trigger_api.usecases.schedule_runs import ScheduleRuns
from trigger_runtime.web import queries
from trigger_runtime.web.application import json_response
from trigger_runtime.web.bodies import convert


class ScheduleRunRoutes:
    """The handlers, and what they need."""

    def __init__(self, runs: ScheduleRuns, *, access: Access) -> None:
        self._runs = runs
        self._access = access

    async def run(self, request: web.Request) -> web.Response:
        """Run a schedule now: 202 once Temporal has the run."""
        caller = await self._access.runner(request)
        return run_answer(
            await self._runs.run(
                caller,
                trigger_id=queries.path_id(request, what="trigger"),
                keyed=keyed_of(request, caller=caller, body=None, answer=views.run_accepted),
            )
        )

    async def preview_backfill(self, request: web.Request) -> web.Response:
        """Return what a backfill would run."""
        caller = await self._access.reader(request)
        trigger_id = queries.path_id(request, what="trigger")
        body = convert(await read_body(request), PreviewBackfill)
        fires = await self._runs.preview(
            caller, trigger_id=trigger_id, start_at=body.start_at, end_at=body.end_at
        )
        return json_response(_document(fires))

    async def backfill(self, request: web.Request) -> web.Response:
        """Run what a past range would have fired: 202 once Temporal has taken it."""
        caller = await self._access.runner(request)
        trigger_id = queries.path_id(request, what="trigger")
        raw = await read_body(request)
        body = convert(raw, Backfill)
        done = await self._runs.backfill(
            caller,
            trigger_id=trigger_id,
            start_at=body.start_at,
            end_at=body.end_at,
            overlap_policy=body.overlap_policy,
            expected_fires=body.expected_fires,
            keyed=keyed_of(request, caller=caller, body=raw, answer=_accepted),
        )
        return same_answer(done) if isinstance(done, StoredAnswer) else first_answer(_accepted(done))


def _accepted(fires: Sequence[Fire]) -> StoredAnswer:
    return views.answer(_document(fires), status=202)


def _document(fires: Sequence[Fire]) -> views.BackfillDocument:
    return views.BackfillDocument(
        fires=[views.FireDocument(fire_time=fire.fire_time, execution_id=fire.execution_id) for fire in fires]
    )
