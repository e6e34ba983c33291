"""What can be done with a trigger beside changing it: translate and never decide."""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

from aiohttp import web

from trigger_api.domain.idempotency import Keyed, StoredAnswer
from trigger_api.domain.past import NeverSoError, state_as_of
from trigger_api.domain.trigger import Trigger, Wanted, fold, paused, resumed
from trigger_api.entrypoints import views
from trigger_api.entrypoints.access import Access
from trigger_api.entrypoints.answers import run_answer
from trigger_api.entrypoints.bodies import ExecuteTrigger, Revert, RotateSecret
from trigger_api.entrypoints.http import read_body
from trigger_api.entrypoints.requests import keyed_of, optional_body_of
from trigger_api.entrypoints.trigger_answers import TriggerAnswers
from trigger_api.read_model import History
from trigger_api.usecases.appending import Condition
from trigger_api.usecases.runs_by_hand import RunsByHand
from trigger_api.usecases.trigger_commands import Changed, Revision, Triggers
from trigger_runtime.web import queries
from trigger_runtime.web.bodies import convert


class TriggerActionRoutes:
    """The handlers, and what they need."""

    def __init__(
        self,
        triggers: Triggers,
        *,
        runs: RunsByHand,
        history: History,
        access: Access,
        answers: TriggerAnswers,
    ) -> None:
        self._triggers = triggers
        self._runs = runs
        self._history = history
        self._access = access
        self._answers = answers

    async def pause(self, request: web.Request) -> web.Response:
        """Stop a trigger from starting anything."""
        return await self._switch(request, wanted=paused)

    async def resume(self, request: web.Request) -> web.Response:
        """Let a trigger start workflows again."""
        return await self._switch(request, wanted=resumed)

    async def rotate_secret(self, request: web.Request) -> web.Response:
        """Put a new secret in force and show it, once."""
        caller = await self._access.writer(request)
        raw = await optional_body_of(request)
        body = convert(raw, RotateSecret)

        async def run(
            trigger_id: UUID, condition: Condition, keyed: Keyed[Changed] | None
        ) -> Changed | StoredAnswer:
            return await self._triggers.rotate_secret(
                caller,
                trigger_id=trigger_id,
                secret=body.secret,
                overlap=timedelta(seconds=body.overlap_seconds),
                condition=condition,
                keyed=keyed,
            )

        return await self._answers.changed(request, caller=caller, body=raw, run=run)

    async def revert(self, request: web.Request) -> web.Response:
        """Lead a trigger back to what it was at a version."""
        caller = await self._access.writer(request)
        raw = await read_body(request)
        version = convert(raw, Revert).version
        history = await self._history.of_trigger(
            queries.path_id(request, what="trigger"), workspace=caller.workspace
        )
        past = fold(state_as_of(history, moment=version, what="trigger"))

        async def run(
            trigger_id: UUID, condition: Condition, keyed: Keyed[Changed] | None
        ) -> Changed | StoredAnswer:
            if past is None:
                raise NeverSoError("trigger")
            return await self._triggers.revert(
                caller, trigger_id=trigger_id, past=past, condition=condition, keyed=keyed
            )

        return await self._answers.changed(request, caller=caller, body=raw, run=run)

    async def execute(self, request: web.Request) -> web.Response:
        """Ask for a run now: 202 once the bus has stored the request."""
        caller = await self._access.runner(request)
        trigger_id = queries.path_id(request, what="trigger")
        raw = await optional_body_of(request)
        body = convert(raw, ExecuteTrigger)

        return run_answer(
            await self._runs.execute(
                caller,
                trigger_id=trigger_id,
                inputs=body.inputs,
                keyed=keyed_of(request, caller=caller, body=raw, answer=views.run_accepted),
            )
        )

    async def _switch(self, request: web.Request, *, wanted: Callable[[Trigger], Wanted]) -> web.Response:
        caller = await self._access.writer(request)

        async def run(
            trigger_id: UUID, condition: Condition, keyed: Keyed[Changed] | None
        ) -> Changed | StoredAnswer:
            return await self._triggers.revise(
                caller,
                trigger_id=trigger_id,
                revision=Revision(wanted=wanted),
                condition=condition,
                keyed=keyed,
            )

        return await self._answers.changed(request, caller=caller, body=None, run=run)
