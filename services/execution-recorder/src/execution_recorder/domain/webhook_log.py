"""A webhook request's log row, and the execution that an accepted one began."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import Raw

from execution_recorder.domain.execution import ExecutionRecord, Origin
from execution_recorder.domain.storable_text import storable
from trigger_bodies import MAX_DECODED_BYTES, ReadBody, read_body
from trigger_contracts.config import Time, TriggerType
from trigger_contracts.deliveries import AcceptedDelivery, BodyReading, RejectedDelivery
from trigger_contracts.executions import CauseKind
from trigger_contracts.payloads import group_values, join_headers

_EMPTY_SHA256: Final = hashlib.sha256().hexdigest()
_MAX_REFUSED_DECODED_BYTES: Final = 64 * 1024
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
    trigger_version: int | None = None
    """As the request found it; ``None`` where it named no trigger, or an older release recorded it."""
    idempotency_key: str | None = None
    """``None``: none was there, so nothing can be a repetition of this request."""
    repetition: bool | None = None
    """Whether an earlier request had the key; ``None``: recorded by a release that did not look."""
    body_format: str | None = None
    """What the body was read as; ``None`` where it is not on record."""
    body_problem: str | None = None
    """Why it is not wholly what its sender meant; ``None`` where it is."""


class WebhookLog(WebhookLogFields, frozen=True, kw_only=True):
    """A row. The workspace is not shown; the two bodies are shown in another form.

    ``visible_names`` and ``json_fields`` are lists of texts, and say how it is shown.
    """

    workspace: str | None
    visible_names: Raw
    json_fields: Raw
    request_body: bytes
    response_body: str


def log_of(delivery: AcceptedDelivery | RejectedDelivery) -> WebhookLog:
    """Return the row of a request."""
    accepted = isinstance(delivery, AcceptedDelivery)
    reading = (delivery.reading if isinstance(delivery, AcceptedDelivery) else None) or BodyReading()
    read = _read(delivery, json_fields=reading.json_fields)
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
        error=_error(delivery),
        ip_address=_maybe(delivery.client_address),
        user_agent=_maybe(delivery.user_agent),
        processing_time_ms=delivery.processing_ms,
        created_at=delivery.received_at,
        trigger_version=delivery.trigger_version,
        idempotency_key=_maybe(delivery.idempotency_key),
        # Whether an accepted one repeats another is known once all that are recorded can be seen.
        repetition=not accepted and delivery.execution_id is not None,
        body_format=None if read is None else read.format,
        body_problem=None if read is None else read.problem,
        visible_names=_raw_list(delivery.visible_names),
        json_fields=_raw_list(reading.json_fields),
    )


def _error(delivery: AcceptedDelivery | RejectedDelivery) -> str | None:
    """Return why nothing started: what the response says, or what only the record says."""
    if isinstance(delivery, AcceptedDelivery):
        return None
    return _maybe(delivery.detail or detail_of(delivery.response_body))


def _read(delivery: AcceptedDelivery | RejectedDelivery, *, json_fields: Sequence[str]) -> ReadBody | None:
    """Read a body as the worker does; of a refused request, which anybody can send, with little room."""
    if not delivery.body and delivery.body_sha256 != _EMPTY_SHA256:
        return None
    headers = {name.lower(): value for name, value in join_headers(delivery.headers).items()}
    return read_body(
        delivery.body,
        content_type=headers.get("content-type"),
        content_encoding=headers.get("content-encoding"),
        json_fields=json_fields,
        max_decoded_bytes=MAX_DECODED_BYTES
        if isinstance(delivery, AcceptedDelivery)
        else _MAX_REFUSED_DECODED_BYTES,
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


def _raw_list(texts: Sequence[str]) -> Raw:
    return Raw(msgspec.json.encode([text.translate(_SURROGATES) for text in texts]))


def _maybe(text: str | None) -> str | None:
    return None if text is None else storable(text)
