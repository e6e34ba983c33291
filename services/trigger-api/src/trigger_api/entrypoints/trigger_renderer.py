"""How a trigger is shown, also in the response to a command that changed it."""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from uuid import UUID

from trigger_api.adapters.postgres_read_model import PostgresReadModel
from trigger_api.domain.idempotency import StoredResponse
from trigger_api.entrypoints.http import stored_response
from trigger_api.entrypoints.preconditions import etag_of
from trigger_api.entrypoints.response_models import TriggerDocument, trigger_document, webhook_url
from trigger_api.read_model import Activity, TriggerView, view_of
from trigger_api.usecases.trigger_command import ChangedTrigger, Render
from trigger_contracts.schedules import schedule_id
from trigger_validation import FieldError


class TriggerRenderer:
    """What the handlers of triggers share."""

    def __init__(
        self, read_model: PostgresReadModel, *, public_url: str, now: Callable[[], datetime]
    ) -> None:
        self._read_model = read_model
        self._public_url = public_url.rstrip("/")
        self._now = now

    def fixed(self, trigger_id: UUID) -> dict[str, str]:
        """Return the fields of a trigger's document that follow from its id."""
        return {
            "webhookUrl": webhook_url(trigger_id, public_url=self._public_url),
            "temporalScheduleId": schedule_id(trigger_id),
        }

    async def for_change(self, trigger_id: UUID) -> Render:
        """Return what makes the response to a change.

        What the bus says of the trigger is read before it: a secret that was just made is shown now or
        never, so after the change nothing may fail any more.
        """
        return partial(self.response, activity=await self._read_model.activity(trigger_id))

    def response(
        self,
        changed: ChangedTrigger,
        *,
        activity: Activity,
        status: int = 200,
        headers: dict[str, str] | None = None,
    ) -> StoredResponse:
        """Return the response to a command that led to ``changed``."""
        # A secret is shown once, to one client: nothing in between may cache the response.
        caching = {"Cache-Control": "no-store"} if changed.secret else {}
        view = view_of(changed.trigger, activity=activity)
        return stored_response(
            self.document(view, secret=changed.secret, warnings=changed.warnings),
            status=status,
            headers={**etag_of(view.version), **caching, **(headers or {})},
        )

    def document(
        self, view: TriggerView, *, secret: str | None = None, warnings: Sequence[FieldError] = ()
    ) -> TriggerDocument:
        """Return a trigger as the API shows it."""
        return trigger_document(
            view, public_url=self._public_url, now=self._now(), secret=secret, warnings=warnings
        )
