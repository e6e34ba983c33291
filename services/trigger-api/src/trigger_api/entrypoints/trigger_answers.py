"""How a trigger is shown, and how a command on one is run and answered."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from aiohttp import web

from trigger_api.domain.idempotency import Keyed, StoredAnswer
from trigger_api.entrypoints import views
from trigger_api.entrypoints.access import Access
from trigger_api.entrypoints.answers import first_answer, same_answer
from trigger_api.entrypoints.requests import keyed_of
from trigger_api.read_model import Activity, ReadModel, TriggerView, view_of
from trigger_api.usecases.appending import Caller, Condition
from trigger_api.usecases.trigger_commands import Changed
from trigger_runtime.web import queries

Run = Callable[[UUID, Condition, Keyed[Changed] | None], Awaitable[Changed | StoredAnswer]]


class TriggerAnswers:
    """What the handlers of all commands on triggers share."""

    def __init__(self, read_model: ReadModel, *, access: Access, public_url: str) -> None:
        self._read_model = read_model
        self._access = access
        self._public_url = public_url.rstrip("/")

    async def changed(self, request: web.Request, *, caller: Caller, body: Any, run: Run) -> web.Response:
        """Run a command and answer with the trigger after it.

        What the bus says of it is read first: a secret that was just made is shown now or never, so after
        the change nothing may fail any more.
        """
        trigger_id = queries.path_id(request, what="trigger")
        condition = self._access.condition(request)
        activity = await self._read_model.activity(trigger_id)

        def answer(changed: Changed) -> StoredAnswer:
            return self.of(changed, activity=activity)

        keyed = None
        if request.method == "POST":
            keyed = keyed_of(request, caller=caller, body=body, answer=answer)
        done = await run(trigger_id, condition, keyed)
        return same_answer(done) if isinstance(done, StoredAnswer) else first_answer(answer(done))

    def of(
        self,
        changed: Changed,
        *,
        activity: Activity,
        status: int = 200,
        headers: dict[str, str] | None = None,
    ) -> StoredAnswer:
        """Return the answer to a command that led to ``changed``."""
        # A secret is shown once, to one client: nothing in between may keep the answer.
        caching = {"Cache-Control": "no-store"} if changed.secret else {}
        view = view_of(changed.trigger, activity=activity)
        return views.answer(
            self.document(view, secret=changed.secret),
            status=status,
            headers={"ETag": f'"{view.version}"', **caching, **(headers or {})},
        )

    def document(self, view: TriggerView, *, secret: str | None = None) -> views.TriggerDocument:
        """Return a trigger as the API shows it."""
        return views.trigger_document(
            view, public_url=self._public_url, now=self._access.now(), secret=secret
        )
