"""Records as the API shows them: camelCase, RFC 3339 UTC, JSON values embedded as the text they came as."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

from execution_recorder.ports import PageKey, StoredExecution, StoredWebhookLog
from trigger_contracts.payloads import embeddable_json, logged_body

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class View(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What every shape of the API extends."""


class CauseView(View, frozen=True, kw_only=True):
    """What asked for an execution."""

    kind: str
    id: str


class ExecutionView(View, frozen=True, kw_only=True):
    """An execution. ``payload``, ``outputs`` and ``error`` are absent where a list leaves them out."""

    id: UUID
    trigger_id: UUID
    trigger_type: str
    trigger_name: str | None
    workflow_id: UUID
    workflow_version: int | None
    status: str
    payload: Raw | UnsetType | None
    outputs: Raw | UnsetType | None
    error: Raw | UnsetType | None
    cause: CauseView
    temporal_workflow_id: str | None
    temporal_run_id: str | None
    accepted_at: datetime
    started_at: datetime | None
    completed_at: datetime | None


class WebhookLogView(View, frozen=True, kw_only=True):
    """A request and its answer. ``request_body`` is absent where a list leaves it out."""

    id: UUID
    trigger_id: UUID | None
    workflow_id: UUID | None
    execution_id: UUID | None
    request_id: str
    request_method: str
    request_path: str
    request_headers: Raw
    request_body: Any
    request_body_bytes: int
    request_body_sha256: str
    request_query: Raw
    response_status: int
    response_body: Raw | str | None
    rejection_reason: str | None
    error: str | None
    ip_address: str | None
    user_agent: str | None
    processing_time_ms: float
    created_at: datetime


class CursorKey(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a cursor holds: the last item's time in microseconds of Unix time, and its id."""

    t: Annotated[int, Meta(ge=-62_135_596_800_000_000, lt=253_402_300_800_000_000)]
    i: UUID


def cursor_key(key: PageKey) -> CursorKey:
    """Return the cursor's content of a page's end."""
    return CursorKey(t=(key.at - _EPOCH) // timedelta(microseconds=1), i=key.id)


def page_key(cursor: CursorKey) -> PageKey:
    """Return the page's end that a cursor names."""
    return PageKey(at=_EPOCH + timedelta(microseconds=cursor.t), id=cursor.i)


def execution_view(stored: StoredExecution) -> ExecutionView:
    """Return an execution as the API shows it."""
    return ExecutionView(
        id=stored.id,
        trigger_id=stored.trigger_id,
        trigger_type=stored.trigger_type,
        trigger_name=stored.trigger_name,
        workflow_id=stored.workflow_id,
        workflow_version=stored.workflow_version,
        status=stored.status,
        payload=_embedded(stored.payload),
        outputs=_embedded(stored.outputs),
        error=_embedded(stored.error),
        cause=CauseView(kind=stored.cause_kind, id=stored.cause_id),
        temporal_workflow_id=stored.temporal_workflow_id,
        temporal_run_id=stored.temporal_run_id,
        accepted_at=stored.accepted_at,
        started_at=stored.started_at,
        completed_at=stored.completed_at,
    )


def webhook_log_view(stored: StoredWebhookLog) -> WebhookLogView:
    """Return a request as the API shows it."""
    body = stored.request_body
    return WebhookLogView(
        id=stored.id,
        trigger_id=stored.trigger_id,
        workflow_id=stored.workflow_id,
        execution_id=stored.execution_id,
        request_id=stored.request_id,
        request_method=stored.request_method,
        request_path=stored.request_path,
        request_headers=Raw(stored.request_headers),
        request_body=body if body is UNSET else logged_body(body, content_type=_content_type(stored)),
        request_body_bytes=stored.request_body_bytes,
        request_body_sha256=stored.request_body_sha256,
        request_query=Raw(stored.request_query),
        response_status=stored.response_status,
        response_body=_answer(stored.response_body),
        rejection_reason=stored.rejection_reason,
        error=stored.error,
        ip_address=stored.ip_address,
        user_agent=stored.user_agent,
        processing_time_ms=stored.processing_time_ms,
        created_at=stored.created_at,
    )


def _answer(text: str) -> Raw | str | None:
    value = embeddable_json(text.encode())
    return (text or None) if value is None else value


def _embedded(text: str | UnsetType | None) -> Raw | UnsetType | None:
    return Raw(text) if isinstance(text, str) else text


def _content_type(stored: StoredWebhookLog) -> str:
    headers = msgspec.json.decode(stored.request_headers, type=dict[str, str])
    return next((value for name, value in headers.items() if name.lower() == "content-type"), "")
