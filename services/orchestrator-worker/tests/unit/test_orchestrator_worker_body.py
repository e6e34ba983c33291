"""What a webhook's body and envelope are to a workflow."""

import base64
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_worker.domain.body import MAX_NESTING, read_body
from orchestrator_worker.domain.limits import MAX_VALUE_BYTES, encoded_size
from orchestrator_worker.domain.payload import delivery_payload, rfc3339, schedule_payload
from trigger_contracts.deliveries import AcceptedDelivery
from trigger_contracts.events import nesting

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


def read(body: bytes, content_type: str | None = None, content_encoding: str | None = None) -> Any:
    return read_body(body, content_type=content_type, content_encoding=content_encoding)


@pytest.mark.parametrize(
    ("body", "content_type", "expected"),
    [
        (b"", JSON, None),
        (b"", None, None),
        (b'{"a": [1, 2.5, null, true]}', JSON, {"a": [1, 2.5, None, True]}),
        (b'{"a": 1}', "application/json; charset=utf-8", {"a": 1}),
        (b'{"a": 1}', "application/vnd.github+json", {"a": 1}),
        (b'{"a": 1}', "text/json", {"a": 1}),
        (b'{"a": 1}', None, {"a": 1}),
        (b'{"a": 1}', "", {"a": 1}),
        (b'{"a": 1}', "text/plain", '{"a": 1}'),
        (b"null", JSON, None),
        (b'{"a": ', JSON, '{"a": '),
        (b"plain", None, "plain"),
        (b"NaN", JSON, "NaN"),
        (b'"\\ud800"', JSON, '"\\ud800"'),
        (b"[1e400]", JSON, "[1e400]"),
        (b"\xff\xfe", JSON, {"base64": "//4="}),
        (b"\xff\xfe", "text/plain", {"base64": "//4="}),
        ("grüße\n".encode(), "text/plain; charset=utf-8", "grüße\n"),
        (b"a=1&b=2&a=3&c=", FORM, {"a": ["1", "3"], "b": "2", "c": ""}),
        (b"payload=%7B%22a%22%3A1%7D", FORM, {"payload": '{"a":1}'}),
        (b"name=J%C3%BCrgen+K", FORM, {"name": "Jürgen K"}),
        (b"name=%ff", FORM, "name=%ff"),
        (b'{"a": 1}', FORM, '{"a": 1}'),
        (b"--x\r\nhello\r\n--x--", "multipart/form-data; boundary=x", "--x\r\nhello\r\n--x--"),
        (b"\x00\x01", "application/octet-stream", "\x00\x01"),
    ],
)
def test_bodies(body: bytes, content_type: str | None, expected: Any) -> None:
    assert read(body, content_type) == expected


def test_a_compressed_body_stays_as_it_came() -> None:
    assert read(b'{"a": 1}', JSON, "gzip") == {"base64": base64.b64encode(b'{"a": 1}').decode()}
    assert read(b'{"a": 1}', JSON, "identity") == {"a": 1}


@pytest.mark.parametrize("depth", [MAX_NESTING, MAX_NESTING + 1, 5_000, 200_000])
def test_nesting_is_bounded(depth: int) -> None:
    body = b"[" * depth + b"]" * depth
    value = read(body, JSON)
    assert isinstance(value, list) if depth <= MAX_NESTING else value == body.decode()


@pytest.mark.parametrize(
    "body",
    [b"\x01" * 1_000_000, b"[" + b"1e15," * 200_000 + b"1]", b"\xff" * 1_000_000, b'"' * 1_000_000],
)
@pytest.mark.parametrize("content_type", [None, "text/plain", FORM])
def test_a_body_of_a_megabyte_fits_whatever_it_holds(body: bytes, content_type: str | None) -> None:
    assert encoded_size(read(body, content_type)) <= MAX_VALUE_BYTES


@given(
    body=st.binary(max_size=200)
    | st.text().map(str.encode)
    | st.recursive(
        st.none() | st.booleans() | st.floats() | st.text() | st.integers(),
        lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    ).map(lambda value: json.dumps(value).encode()),
    content_type=st.sampled_from([None, "", JSON, FORM, "text/plain", "a/b+json", "multipart/form-data", ";"])
    | st.text(),
    content_encoding=st.sampled_from([None, "", "gzip", "identity"]) | st.text(),
)
def test_every_body_becomes_json(body: bytes, content_type: str | None, content_encoding: str | None) -> None:
    value = read(body, content_type, content_encoding)
    again = msgspec.json.decode(msgspec.json.encode(value))
    assert again == value
    assert nesting(value) <= MAX_NESTING


@given(st.text())
def test_text_is_kept_exactly(text: str) -> None:
    assert read(text.encode(), "text/plain") == (text or None)


def test_the_envelope_of_a_delivery() -> None:
    delivery = AcceptedDelivery(
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
        headers=(("X-Tag", "one"), ("content-type", JSON), ("x-tag", "two")),
        body=b'{"ref": "main"}',
        body_sha256="",
        response_status=202,
        response_body="",
        processing_ms=0.5,
    )
    assert delivery_payload(delivery) == {
        "headers": {"x-tag": "one, two", "content-type": JSON},
        "body": {"ref": "main"},
        "query": {"a": ["1", "2"], "b": ""},
        "method": "PUT",
        "timestamp": "2026-01-02T03:04:05.678000Z",
        "triggerId": str(UUID(int=2)),
    }


def test_times_are_utc() -> None:
    east = timezone(timedelta(hours=2))
    assert rfc3339(datetime(2026, 1, 1, 2, 30, tzinfo=east)) == "2026-01-01T00:30:00Z"
    assert schedule_payload(datetime(2026, 1, 1, tzinfo=UTC), given=[1]) == {
        "scheduledTime": "2026-01-01T00:00:00Z",
        "input": [1],
    }
