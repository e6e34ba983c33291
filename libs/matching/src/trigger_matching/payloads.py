"""What a workflow sees of a webhook request as ``trigger.payload``."""

import base64
from typing import Any

import msgspec

from trigger_bodies import BodyFormat, ReadBody, ReadingProblem, binary_body, read_body, without_largest_files
from trigger_contracts.deliveries import AcceptedDelivery, BodyReading, ClaimCheck
from trigger_contracts.payloads import group_values, join_headers, rfc3339
from trigger_contracts.workflow_io import MAX_VALUE_BYTES, encoded_size


def delivery_payload(delivery: AcceptedDelivery) -> dict[str, Any]:
    """Return a webhook's payload. Header names are in lower case.

    ``bodyFormat`` says what the body was read as, and ``bodyProblem`` why it is not wholly what the sender
    meant. ``rawBody`` is there where the trigger asks for it, and null where there is no room for it.
    """
    headers = {name.lower(): value for name, value in join_headers(delivery.headers).items()}
    reading = delivery.reading or BodyReading()
    read = _fitting(delivery, headers=headers, json_fields=reading.json_fields)
    payload = {
        "headers": headers,
        "body": read.value,
        "bodyFormat": read.format,
        "bodyProblem": read.problem,
        "query": group_values(delivery.query),
        "method": delivery.method,
        "timestamp": rfc3339(delivery.received_at),
        "triggerId": str(delivery.trigger_id),
    }
    if reading.raw_body:
        room = MAX_VALUE_BYTES - encoded_size(read.value)
        raw = base64.b64encode(delivery.body).decode("ascii")
        payload["rawBody"] = raw if len(raw) <= room else None
    return payload


def _fitting(
    delivery: AcceptedDelivery, *, headers: dict[str, str], json_fields: tuple[str, ...]
) -> ReadBody:
    """Read the body; without its largest files, or as base64, where it is more than Temporal carries."""
    read = read_body(
        delivery.body,
        content_type=headers.get("content-type"),
        content_encoding=headers.get("content-encoding"),
        json_fields=json_fields,
    )
    excess = encoded_size(read.value) - MAX_VALUE_BYTES
    if excess <= 0:
        return read
    if read.format is BodyFormat.MULTIPART:
        read = without_largest_files(read, excess=excess)
        if encoded_size(read.value) <= MAX_VALUE_BYTES:
            return read
    return binary_body(delivery.body, problem=ReadingProblem.TOO_LARGE)


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
    envelope = delivery_payload(delivery)
    if "rawBody" in envelope:
        envelope["rawBody"] = None
    return {
        **envelope,
        "body": None,
        "bodyFormat": None,
        "bodyProblem": ReadingProblem.TOO_LARGE,
        "bodyReference": reference,
    }
