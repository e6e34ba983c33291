"""What a workflow sees of a webhook request as ``trigger.payload``."""

from typing import Any

import msgspec

from orchestrator_worker.domain.limits import MAX_VALUE_BYTES
from trigger_contracts.deliveries import AcceptedDelivery, ClaimCheck
from trigger_contracts.payloads import group_values, join_headers, payload_body, rfc3339
from trigger_contracts.workflow_io import encoded_size


def delivery_payload(delivery: AcceptedDelivery) -> dict[str, Any]:
    """Return a webhook's payload. Header names are in lower case."""
    headers = {name.lower(): value for name, value in join_headers(delivery.headers).items()}
    return {
        "headers": headers,
        "body": payload_body(
            delivery.body,
            content_type=headers.get("content-type"),
            content_encoding=headers.get("content-encoding"),
            max_bytes=MAX_VALUE_BYTES,
        ),
        "query": group_values(delivery.query),
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
