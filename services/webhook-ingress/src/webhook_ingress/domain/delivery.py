"""The record of a request: what the bus, the history and the workflow see of it."""

import hashlib
from itertools import chain
from typing import Any, Final
from uuid import UUID

import msgspec

from trigger_bodies import DecodedTooLargeError, EncodingError, decoded, read_body
from trigger_contracts.deliveries import AcceptedDelivery, BodyReading, RejectedDelivery, RejectionReason
from webhook_ingress.domain import redaction
from webhook_ingress.domain.admission import Accepted
from webhook_ingress.domain.request import Body, ReceivedRequest, WebhookRequest
from webhook_ingress.domain.scrubbing import Scrubber
from webhook_ingress.domain.selection import LeftOut
from webhook_ingress.domain.trigger import DeletedTrigger, WebhookTrigger

_MAX_METHOD = 32
_MAX_GROWTH = 16
"""Times ``longest_body``: what a refused body may decompress to, where a secret is looked for in it."""
_MAX_USER_AGENT = 1024


_OTHERWISE_WRITTEN: Final = (b"\\u", b"%", b"\0")
"""Signs of escapes in JSON, of a form, of UTF-16: the log shows what the text stands for."""


class RecordedRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request with its response. ``processing_ms`` is the time until this record was made."""

    delivery_id: UUID
    received: ReceivedRequest
    body: Body
    processing_ms: float
    response_status: int
    response_body: bytes


class Repetition(msgspec.Struct, frozen=True, kw_only=True):
    """The execution that a key began before."""

    execution_id: UUID
    key: str


def accepted_delivery(
    recorded: RecordedRequest, *, trigger: WebhookTrigger, verdict: Accepted, execution_id: UUID
) -> AcceptedDelivery:
    """Return the record of a request that starts ``execution_id`` once it is stored.

    The body is the exact bytes, but for the trigger's own secret. The hash is always of the exact bytes.
    """
    body = recorded.body if isinstance(recorded.body, bytes) else b""
    scrubber = Scrubber(trigger)
    return AcceptedDelivery(
        **_common_fields(recorded, owner=trigger, body=body, scrubber=scrubber),
        body=scrubber.data(body),
        trigger_id=trigger.id,
        workspace=trigger.workspace,
        workflow_id=trigger.workflow_id,
        trigger_name=trigger.name,
        trigger_version=trigger.version,
        secret_id=verdict.secret_id,
        execution_id=execution_id,
        idempotency_key=scrubber.text(verdict.idempotency_key) if verdict.idempotency_key else None,
        reading=_reading(recorded.received.request, usual=trigger.rules.reading),
    )


def rejected_delivery(
    recorded: RecordedRequest,
    *,
    owner: WebhookTrigger | DeletedTrigger | None,
    reason: RejectionReason,
    longest_body: int,
    scrubber: Scrubber,
    repetition: Repetition | None = None,
    left_out: LeftOut | None = None,
    key: str | None = None,
) -> RejectedDelivery:
    """Return the record of a request that started nothing; ``owner`` is the trigger in whose log it belongs.

    Its body is recorded whole, or not at all where it is over ``longest_body`` bytes (a reader could take a
    part for the whole) or holds the trigger's secret. The hash covers what was read. ``key`` is the
    idempotency key of a delivery that was ``left_out``.
    """
    body = recorded.body if isinstance(recorded.body, bytes) else b""
    key = repetition.key if repetition else key
    shown = _shown_response(recorded, owner=owner, reason=reason)
    recorded = msgspec.structs.replace(recorded, response_body=shown)
    return RejectedDelivery(
        **_common_fields(recorded, owner=owner, body=body, scrubber=scrubber),
        body=_shown_body(recorded, body=body, longest=longest_body, scrubber=scrubber),
        trigger_id=recorded.received.request.trigger_id,
        workspace=owner.workspace if owner else None,
        workflow_id=owner.workflow_id if owner else None,
        trigger_name=owner.name if owner else None,
        trigger_version=owner.version if owner else None,
        reason=reason,
        execution_id=repetition.execution_id if repetition else None,
        idempotency_key=scrubber.text(key) if key else None,
        detail=left_out.detail if left_out else None,
    )


def _shown_body(recorded: RecordedRequest, *, body: bytes, longest: int, scrubber: Scrubber) -> bytes:
    """Return a refused body, empty where it is too long or holds a secret: the log shows its content."""
    if len(body) > longest:
        return b""
    request = recorded.received.request
    encoding = ", ".join(request.values("content-encoding"))
    try:
        content = decoded(body, content_encoding=encoding, max_bytes=_MAX_GROWTH * longest)
    except EncodingError:
        content = body
    except DecodedTooLargeError:
        return b""
    shown = {body, content}
    if any(sign in content for sign in _OTHERWISE_WRITTEN):
        read = read_body(
            content, content_type=", ".join(request.values("content-type")) or None, content_encoding=None
        )
        shown.add(msgspec.json.encode(read.value))
    return b"" if any(map(scrubber.contains_secret, shown)) else body


def _shown_response(
    recorded: RecordedRequest, *, owner: WebhookTrigger | DeletedTrigger | None, reason: RejectionReason
) -> bytes:
    """Return the body of the response without the trigger's secrets, nor one that a header proposed."""
    body = recorded.response_body
    if not isinstance(owner, WebhookTrigger):
        return body
    challenge = owner.config.challenge
    if body and reason is RejectionReason.HANDSHAKE and challenge is not None and challenge.header:
        return redaction.REDACTED.encode()
    return Scrubber(owner).data(body)


def _reading(request: WebhookRequest, *, usual: BodyReading) -> BodyReading | None:
    """Return how the body is to be read where that differs from the usual way: only forms have fields."""
    if usual.raw_body:
        return usual
    if not usual.json_fields or not any("form" in label.lower() for label in request.values("content-type")):
        return None
    return usual


def _common_fields(
    recorded: RecordedRequest,
    *,
    owner: WebhookTrigger | DeletedTrigger | None,
    body: bytes,
    scrubber: Scrubber,
) -> dict[str, Any]:
    request = recorded.received.request
    path, query, headers = request.path, request.query, request.headers.fields
    # All texts at once first: nearly always none of them holds a secret. The separator prevents a match that
    # begins in one text and ends in the next.
    if not scrubber.is_free("\0".join([path, *chain(*query), *chain(*headers)])):
        path, query, headers = scrubber.text(path), scrubber.fields(query), scrubber.fields(headers)
    headers = redaction.headers(headers, secret_names=owner.secret_headers if owner else ())
    agent = None
    for name, value in headers:
        if name == "user-agent":
            agent = value[:_MAX_USER_AGENT]
            break
    return {
        "id": recorded.delivery_id,
        "request_id": request.request_id,
        "received_at": recorded.received.received_at,
        "method": redaction.safe(request.method, longest=_MAX_METHOD),
        "path": redaction.safe(path, longest=redaction.MAX_VALUE),
        "query": redaction.query(query) if query else (),
        "headers": headers,
        "body_sha256": hashlib.sha256(body).hexdigest(),
        "client_address": request.client_address,
        "user_agent": agent,
        "response_status": recorded.response_status,
        "response_body": recorded.response_body.decode(),
        "processing_ms": recorded.processing_ms,
        "visible_names": owner.config.visible_names if isinstance(owner, WebhookTrigger) else (),
    }
