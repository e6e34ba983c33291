"""A webhook request's log row, and the execution that an accepted one began."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import Raw

from execution_recorder.domain.execution import ExecutionRecord, Origin
from execution_recorder.domain.storable_text import storable
from trigger_contracts.config import Time, TriggerType
from trigger_contracts.deliveries import AcceptedDelivery, RejectedDelivery
from trigger_contracts.executions import CauseKind
from trigger_contracts.payloads import group_values, join_headers

_SURROGATES: Final = dict.fromkeys(range(55296, 57344), "�")


class WebhookLogFields(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One request and its response, as it is stored and shown: each field is a column."""

    id: UUID
    trigger_id: UUID | None
    workflow_id: UUID | None
    execution_id: UUID | None
    request_id: str
    request_method: str
    request_path: str
    request_headers: Raw
    request_query: Raw
    request_body_sha256: str
    response_status: int
    rejection_reason: str | None
    error: str | None
    ip_address: str | None
    user_agent: str | None
    processing_time_ms: float
    created_at: Time


class WebhookLog(WebhookLogFields, frozen=True, kw_only=True):
    """A row. The workspace is not shown; the two bodies are shown in another form."""

    workspace: str | None
    request_body: bytes
    response_body: str


def log_of(delivery: AcceptedDelivery | RejectedDelivery) -> WebhookLog:
    """Return the row of a request."""
    accepted = isinstance(delivery, AcceptedDelivery)
    return WebhookLog(
        id=delivery.id,
        workspace=_maybe(delivery.workspace),
        trigger_id=delivery.trigger_id,
        workflow_id=delivery.workflow_id,
        execution_id=delivery.execution_id,
        request_id=storable(delivery.request_id),
        request_method=storable(delivery.method),
        request_path=storable(delivery.path),
        request_headers=_raw_json(join_headers(delivery.headers)),
        request_query=_raw_json(group_values(delivery.query)),
        request_body=delivery.body,
        request_body_sha256=storable(delivery.body_sha256),
        response_status=delivery.response_status,
        response_body=storable(delivery.response_body),
        rejection_reason=storable(delivery.reason) if isinstance(delivery, RejectedDelivery) else None,
        error=None if accepted else _maybe(detail_of(delivery.response_body)),
        ip_address=_maybe(delivery.client_address),
        user_agent=_maybe(delivery.user_agent),
        processing_time_ms=delivery.processing_ms,
        created_at=delivery.received_at,
    )


def record_of_delivery(delivery: AcceptedDelivery) -> ExecutionRecord:
    """Return the accepted execution whose id the sender got."""
    return ExecutionRecord(
        id=delivery.execution_id,
        origin=Origin(
            workspace=storable(delivery.workspace),
            trigger_id=delivery.trigger_id,
            trigger_type=TriggerType.WEBHOOK.value,
            trigger_name=_maybe(delivery.trigger_name),
            workflow_id=delivery.workflow_id,
            cause_kind=CauseKind.DELIVERY.value,
            cause_id=str(delivery.id),
            at=delivery.received_at,
        ),
    )


class _Problem(msgspec.Struct, frozen=True, kw_only=True):
    detail: str | None = None


def detail_of(response_body: str) -> str | None:
    """Return the explanation in a problem document (RFC 9457); ``None`` where the body is not one."""
    try:
        return msgspec.json.decode(response_body.translate(_SURROGATES), type=_Problem).detail
    except (msgspec.DecodeError, RecursionError):
        return None


def _raw_json(value: Mapping[str, Any]) -> Raw:
    """Return the object. NUL is kept, as an escape; only what UTF-8 cannot encode is replaced."""
    try:
        return Raw(msgspec.json.encode(value))
    except UnicodeEncodeError:
        clean = {
            name.translate(_SURROGATES): (
                item.translate(_SURROGATES)
                if isinstance(item, str)
                else [part.translate(_SURROGATES) for part in item]
            )
            for name, item in value.items()
        }
        return Raw(msgspec.json.encode(clean))


def _maybe(text: str | None) -> str | None:
    return None if text is None else storable(text)
