"""The payload that a workflow sees as ``trigger.payload``, for each kind of cause."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from orchestrator_worker.domain.body import grouped, read_body
from orchestrator_worker.domain.limits import MAX_VALUE_BYTES, encoded_size
from trigger_contracts.deliveries import AcceptedDelivery, ClaimCheck
from trigger_contracts.events import CloudEvent
from trigger_contracts.firings import ManualFiring


def delivery_payload(delivery: AcceptedDelivery) -> dict[str, Any]:
    """Return a webhook's payload. Header names are in lower case, repeated headers joined (RFC 9110, 5.3)."""
    headers: dict[str, str] = {}
    for name, value in delivery.headers:
        key = name.lower()
        headers[key] = f"{headers[key]}, {value}" if key in headers else value
    return {
        "headers": headers,
        "body": read_body(
            delivery.body,
            content_type=headers.get("content-type"),
            content_encoding=headers.get("content-encoding"),
        ),
        "query": grouped(delivery.query),
        "method": delivery.method,
        "timestamp": rfc3339(delivery.received_at),
        "triggerId": str(delivery.trigger_id),
    }


def large_delivery_payload(
    delivery: AcceptedDelivery, *, claim: ClaimCheck, body: bytes | None
) -> dict[str, Any]:
    """Return the payload of a delivery whose body came apart from it.

    It looks like any other where the body fits into what Temporal carries. Where it does not, or was not
    fetched for that reason (``None``), ``body`` is null and ``bodyReference``, which is there only then,
    says where the body is on record: the webhook log of that id.
    """
    if body is not None:
        payload = delivery_payload(msgspec.structs.replace(delivery, body=body))
        if encoded_size(payload["body"]) <= MAX_VALUE_BYTES:
            return payload
    reference = {"webhookLogId": str(delivery.id), "bytes": claim.size, "sha256": claim.sha256}
    return {**delivery_payload(delivery), "body": None, "bodyReference": reference}


def event_payload(event: CloudEvent) -> dict[str, Any]:
    """Return an event's payload: the CloudEvent as its JSON document."""
    return event.document


def manual_payload(firing: ManualFiring) -> dict[str, Any]:
    """Return a manual run's payload: its inputs."""
    return firing.inputs


def schedule_payload(nominal_time: datetime, *, given: Any) -> dict[str, Any]:
    """Return a schedule's payload: the time that the fire was due at, and the trigger's configured input."""
    return {"scheduledTime": rfc3339(nominal_time), "input": given}


def rfc3339(time: datetime) -> str:
    """Return an aware time as RFC 3339 in UTC, ending in ``Z``."""
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")
