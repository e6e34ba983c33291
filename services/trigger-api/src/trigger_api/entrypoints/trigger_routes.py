"""``/api/triggers``: translate and never decide."""

from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

from aiohttp import web

from trigger_api.domain.idempotency import Keyed, StoredAnswer
from trigger_api.domain.merge_patch import merge
from trigger_api.domain.trigger import Trigger, Wanted
from trigger_api.entrypoints import views
from trigger_api.entrypoints.access import Access
from trigger_api.entrypoints.answers import first_answer, same_answer
from trigger_api.entrypoints.http import read_body
from trigger_api.entrypoints.requests import (
    keyed_of,
    new_trigger_of,
    refuse_fixed,
    revision_of,
    secret_in,
)
from trigger_api.entrypoints.trigger_answers import TriggerAnswers
from trigger_api.read_model import Activity, History, ReadModel
from trigger_api.usecases.appending import Caller, Condition
from trigger_api.usecases.trigger_commands import Changed, Triggers
from trigger_runtime.web import queries

_FIXED: Final = ("id", "workflowId", "triggerType", "version", "createdAt", "updatedAt")


class TriggerRoutes:
    """The handlers, and what they need."""

    def __init__(
        self,
        triggers: Triggers,
        *,
        read_model: ReadModel,
        history: History,
        access: Access,
        answers: TriggerAnswers,
    ) -> None:
        self._triggers = triggers
        self._read_model = read_model
        self._history = history
        self._access = access
        self._answers = answers

    async def create(self, request: web.Request) -> web.Response:
        """Create a trigger: 201, with its secret where it has one."""
        caller = await self._access.writer(request)
        raw = await read_body(request)
        body = new_trigger_of(raw)

        def answer(changed: Changed) -> StoredAnswer:
            location = {"Location": f"/api/triggers/{changed.trigger.id}"}
            return self._answers.of(changed, activity=Activity(), status=201, headers=location)

        done = await self._triggers.create(
            caller,
            workflow_id=body.workflow_id,
            wanted=Wanted(name=body.name, enabled=body.enabled, config=body.config),
            secret=secret_in(raw),
            keyed=keyed_of(request, caller=caller, body=raw, answer=answer),
        )
        return same_answer(done) if isinstance(done, StoredAnswer) else first_answer(answer(done))

    async def replace(self, request: web.Request) -> web.Response:
        """Make a trigger what the body says."""
        caller = await self._access.writer(request)
        raw = await read_body(request)
        refuse_fixed(raw, names=_FIXED)
        return await self._revise(request, caller=caller, body=raw, read=lambda _: raw)

    async def patch(self, request: web.Request) -> web.Response:
        """Merge the body into a trigger (RFC 7396)."""
        caller = await self._access.writer(request)
        patch = await read_body(request)
        refuse_fixed(patch, names=_FIXED)

        def merged(trigger: Trigger) -> Any:
            config = views.config_document(trigger.config)
            now = {"name": trigger.name, "enabled": trigger.enabled, "config": config}
            return merge(now, patch)

        return await self._revise(request, caller=caller, body=patch, read=merged)

    async def delete(self, request: web.Request) -> web.Response:
        """End a trigger."""
        caller = await self._access.writer(request)
        trigger_id = queries.path_id(request, what="trigger")
        await self._triggers.delete(caller, trigger_id=trigger_id, condition=self._access.condition(request))
        return web.Response(status=204)

    async def _revise(
        self, request: web.Request, *, caller: Caller, body: Any, read: Callable[[Trigger], Any]
    ) -> web.Response:
        revision = revision_of(body, read=read)

        async def run(
            trigger_id: UUID, condition: Condition, keyed: Keyed[Changed] | None
        ) -> Changed | StoredAnswer:
            return await self._triggers.revise(
                caller, trigger_id=trigger_id, revision=revision, condition=condition, keyed=keyed
            )

        return await self._answers.changed(request, caller=caller, body=body, run=run)
