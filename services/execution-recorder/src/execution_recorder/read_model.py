"""What the API shows of the history, and what it can be asked for.

A row is shown as it is: the columns of a statement are the fields of its type. So a new column is one field,
here or (for a request) in ``domain.webhook_log``, and a migration. JSON is embedded as it came.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

from execution_recorder.domain.execution import ExecutionStatus
from execution_recorder.domain.hidden_values import with_hidden_values
from execution_recorder.domain.webhook_log import WebhookLogFields
from execution_recorder.domain.webhook_rates import Span
from trigger_bodies import embeddable_json, logged_body, read_body
from trigger_contracts.config import Time
from trigger_contracts.deliveries import RejectionReason
from trigger_webhooks import Place

LISTED_BYTES: Final = 16 * 1024
"""A body, payload, outputs or error over this is left out of lists: a page of 200 would be 200 MiB."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Document(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What every shape of the API extends."""


class PageCursor(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a page ended: its last item's time, in microseconds of Unix time, and its id."""

    t: Annotated[int, Meta(ge=-62_135_596_800_000_000, lt=253_402_300_800_000_000)]
    i: UUID

    @property
    def at(self) -> datetime:
        """The time of the page's last item."""
        return _EPOCH + timedelta(microseconds=self.t)


def page_cursor(at: datetime, *, id_: UUID) -> PageCursor:
    """Return the cursor of a page's last item."""
    return PageCursor(t=(at - _EPOCH) // timedelta(microseconds=1), i=id_)


class PageQuery(Document, frozen=True, kw_only=True):
    """Which items of a list, newest first."""

    since: Annotated[datetime | None, Meta(description="Inclusive.")] = msgspec.field(
        default=None, name="from"
    )
    until: Annotated[datetime | None, Meta(description="Exclusive.")] = msgspec.field(default=None, name="to")
    limit: Annotated[int, Meta(ge=1, le=200, description="Items on a page.")] = 50
    cursor: Annotated[PageCursor | None, Meta(description="The nextCursor of the page before.")] = None


class TriggerExecutionsQuery(PageQuery, frozen=True, kw_only=True):
    """Which executions of a trigger; the range is that of their acceptance."""

    workflow_id: Annotated[UUID | None, Meta(description="Only those of this workflow.")] = None
    status: Annotated[ExecutionStatus | None, Meta(description="Only those with this status.")] = None


class ExecutionsQuery(TriggerExecutionsQuery, frozen=True, kw_only=True):
    """Which executions of the workspace."""

    trigger_id: Annotated[UUID | None, Meta(description="Only those of this trigger.")] = None


class TriggerWebhookLogsQuery(PageQuery, frozen=True, kw_only=True):
    """Which requests to a trigger; the range is that of their arrival."""

    status: Annotated[
        int | None, Meta(ge=100, le=599, description="Only those with this HTTP status as the response.")
    ] = None
    reason: Annotated[RejectionReason | None, Meta(description="Only those refused for this reason.")] = None
    repetition: Annotated[
        bool | None, Meta(description="Only those that repeat an earlier one, or only the others.")
    ] = None


class WebhookLogsQuery(TriggerWebhookLogsQuery, frozen=True, kw_only=True):
    """Which requests of the workspace."""

    trigger_id: Annotated[UUID | None, Meta(description="Only those to this trigger.")] = None


class ExecutionCause(Document, frozen=True, kw_only=True):
    """What started an execution."""

    kind: str
    id: str


class ExecutionRepeated(Document, frozen=True, kw_only=True):
    """What was run again. A backfill names the fire's own execution, which a missed fire does not have."""

    kind: str
    execution_id: UUID


class ExecutionDocument(Document, frozen=True, kw_only=True):
    """An execution. ``payload``, ``outputs`` and ``error`` are absent where a list leaves them out."""

    id: UUID
    trigger_id: UUID
    trigger_type: str
    trigger_name: str | None
    workflow_id: UUID
    workflow_version: int | None
    status: ExecutionStatus
    payload: Any = UNSET
    outputs: Any = UNSET
    error: Any = UNSET
    cause: ExecutionCause
    repeats: ExecutionRepeated | UnsetType = UNSET
    """Only of a run again."""
    temporal_workflow_id: str | None
    temporal_run_id: str | None
    accepted_at: Time
    started_at: Time | None
    completed_at: Time | None


class ExecutionPage(Document, frozen=True, kw_only=True):
    """A page of executions."""

    items: Sequence[ExecutionDocument]
    next_cursor: str | None


class WebhookLogDocument(WebhookLogFields, frozen=True, kw_only=True):
    """A request and its response. ``requestBody`` is absent where a list leaves it out."""

    request_body: Any = UNSET
    request_body_bytes: int
    response_body: Any


class WebhookLogPage(Document, frozen=True, kw_only=True):
    """A page of requests."""

    items: Sequence[WebhookLogDocument]
    next_cursor: str | None


def webhook_log_document(
    *,
    request_body: bytes | UnsetType,
    response_body: str,
    request_headers: Raw,
    request_query: Raw,
    visible_names: Raw | None,
    json_fields: Raw | None,
    **fields: Any,
) -> WebhookLogDocument:
    """Return a row as the API shows it."""
    headers = msgspec.json.decode(request_headers, type=dict[str, str])
    query = msgspec.json.decode(request_query, type=dict[str, str | list[str]])
    visible = frozenset(name.lower() for name in _texts(visible_names))
    shown: Any = UNSET
    if request_body is not UNSET:
        sent = {name.lower(): value for name, value in headers.items()}
        read = read_body(
            request_body,
            content_type=sent.get("content-type"),
            content_encoding=sent.get("content-encoding"),
            json_fields=_texts(json_fields),
        )
        shown = logged_body(request_body, read=read)
    response = embeddable_json(response_body.encode())
    return WebhookLogDocument(
        request_body=shown,
        response_body=(response_body or None) if response is None else response,
        request_headers=with_hidden_values(headers, place=Place.HEADER, visible=visible),
        request_query=with_hidden_values(query, place=Place.ADDRESS, visible=visible),
        **fields,
    )


def _texts(stored: Raw | None) -> list[str]:
    return [] if stored is None else msgspec.json.decode(stored, type=list[str])


class TriggerRatesQuery(Document, frozen=True, kw_only=True):
    """Which counts of a trigger."""

    span: Annotated[Span, Meta(description="How long one count is.")] = Span.HOUR
    since: Annotated[
        datetime | None, Meta(description="Taken back to the start of its span. By default a day or an hour.")
    ] = msgspec.field(default=None, name="from")
    until: Annotated[datetime | None, Meta(description="Taken on to the end of its span.")] = msgspec.field(
        default=None, name="to"
    )


class BusiestQuery(Document, frozen=True, kw_only=True):
    """How many hours back, and how many triggers."""

    hours: Annotated[int, Meta(ge=1, le=168, description="The length of the window.")] = 24
    limit: Annotated[int, Meta(ge=1, le=200, description="Triggers in the list.")] = 20


class SpanDocument(Document, frozen=True, kw_only=True):
    """The requests of one minute or hour."""

    starts_at: Time
    requests: int
    outcomes: dict[str, int]
    mean_processing_time_ms: float


class TriggerRatesDocument(Document, frozen=True, kw_only=True):
    """A trigger's requests from ``from`` to before ``to``; spans without any are left out of ``items``."""

    trigger_id: UUID
    span: Span
    since: Time = msgspec.field(name="from")
    until: Time = msgspec.field(name="to")
    requests: int
    accepted: int
    items: Sequence[SpanDocument]


class TriggerTrafficDocument(Document, frozen=True, kw_only=True):
    """A trigger's requests in the window, and in as long a window before it."""

    trigger_id: UUID
    requests: int
    accepted: int
    requests_before: int | None
    """``null`` where counting does not reach back so far."""


class BusiestTriggersDocument(Document, frozen=True, kw_only=True):
    """The busiest triggers of the last hours."""

    since: Time = msgspec.field(name="from")
    until: Time = msgspec.field(name="to")
    items: Sequence[TriggerTrafficDocument]
