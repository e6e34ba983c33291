"""What a webhook's delivery is to a workflow."""

import base64
from datetime import UTC, datetime
from uuid import UUID

import pytest

from trigger_contracts.deliveries import AcceptedDelivery, BodyReading, ClaimCheck
from trigger_contracts.workflow_io import MAX_VALUE_BYTES, encoded_size
from trigger_matching.payloads import delivery_payload, large_delivery_payload

JSON = "application/json"


HEADERS = (
    ("X-Tag", "one"),
    ("Cookie", "a=1"),
    ("content-type", JSON),
    ("x-tag", "two"),
    ("cookie", "b=2"),
)


def delivery_of(
    body: bytes, *, headers: tuple[tuple[str, str], ...] = HEADERS, reading: BodyReading | None = None
) -> AcceptedDelivery:
    return AcceptedDelivery(
        id=UUID(int=1),
        trigger_id=UUID(int=2),
        workspace="acme",
        workflow_id=UUID(int=3),
        execution_id=UUID(int=4),
        request_id="r",
        received_at=datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC),
        method="PUT",
        path="/api/webhooks/x",
        query=(("a", "1"), ("b", ""), ("a", "2")),
        body=body,
        body_sha256="",
        response_status=202,
        response_body="",
        processing_ms=0.5,
        headers=headers,
        reading=reading,
    )


def test_the_envelope_of_a_delivery() -> None:
    assert delivery_payload(delivery_of(b'{"ref": "main"}')) == {
        "headers": {"x-tag": "one, two", "cookie": "a=1; b=2", "content-type": JSON},
        "body": {"ref": "main"},
        "bodyFormat": "json",
        "bodyProblem": None,
        "query": {"a": ["1", "2"], "b": ""},
        "method": "PUT",
        "timestamp": "2026-01-02T03:04:05.678000Z",
        "triggerId": str(UUID(int=2)),
    }


def test_the_exact_bytes_are_null_where_there_is_no_room_and_never_those_of_nothing() -> None:
    reading = BodyReading(raw_body=True)
    small = delivery_of(b'{"a": 1}', reading=reading)
    assert base64.b64decode(delivery_payload(small)["rawBody"]) == small.body
    large = delivery_of(b'{"a": "%b"}' % (b"x" * 1_000_000), reading=reading)
    payload = delivery_payload(large)
    assert (payload["rawBody"], payload["body"]) == (None, {"a": "x" * 1_000_000})
    claim = ClaimCheck(key=large.id, size=3_000_000, sha256="0" * 64)
    referred = large_delivery_payload(delivery_of(b"", reading=reading), claim=claim, body=None)
    assert (referred["rawBody"], referred["body"], referred["bodyProblem"]) == (None, None, "too_large")


@pytest.mark.parametrize("size", [1_000, 2_000_000])
def test_a_large_form_keeps_what_there_is_room_for(size: int) -> None:
    part = b'--b\r\nContent-Disposition: form-data; name="%b"; filename="f"\r\n\r\n%b\r\n'
    body = part % (b"a", b"x" * 500) + part % (b"b", b"y" * size) + b"--b--\r\n"
    label = (("Content-Type", "multipart/form-data; boundary=b"),)
    delivery = delivery_of(b"", headers=label)
    claim = ClaimCheck(key=delivery.id, size=len(body), sha256="0" * 64)
    payload = large_delivery_payload(delivery, claim=claim, body=body)
    assert encoded_size(payload["body"]) <= MAX_VALUE_BYTES
    assert base64.b64decode(payload["body"]["a"]["base64"]) == b"x" * 500
    assert ("omitted" in payload["body"]["b"]) is (size == 2_000_000) is (payload["bodyProblem"] is not None)
