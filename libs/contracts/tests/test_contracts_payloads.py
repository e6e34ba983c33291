"""Bodies, headers and times: what a workflow gets, and what the log shows."""

import base64
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trigger_contracts.json_depth import nesting
from trigger_contracts.payloads import (
    MAX_BODY_NESTING,
    group_values,
    join_headers,
    logged_body,
    payload_body,
    rfc3339,
    schedule_payload,
)
from trigger_contracts.workflow_io import encoded_size

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
MAX_BYTES = 3 * 1024 * 1024 // 2


def read(body: bytes, content_type: str | None = None, content_encoding: str | None = None) -> Any:
    return payload_body(
        body, content_type=content_type, content_encoding=content_encoding, max_bytes=MAX_BYTES
    )


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
def test_a_workflow_gets(body: bytes, content_type: str | None, expected: Any) -> None:
    assert read(body, content_type) == expected


def test_a_compressed_body_stays_as_it_came() -> None:
    assert read(b'{"a": 1}', JSON, "gzip") == {"base64": base64.b64encode(b'{"a": 1}').decode()}
    assert read(b'{"a": 1}', JSON, "identity") == {"a": 1}


@pytest.mark.parametrize("depth", [MAX_BODY_NESTING, MAX_BODY_NESTING + 1, 5_000, 200_000])
def test_nesting_is_bounded(depth: int) -> None:
    body = b"[" * depth + b"]" * depth
    value = read(body, JSON)
    assert isinstance(value, list) if depth <= MAX_BODY_NESTING else value == body.decode()


@pytest.mark.parametrize(
    "body",
    [b"\x01" * 1_000_000, b"[" + b"1e15," * 200_000 + b"1]", b"\xff" * 1_000_000, b'"' * 1_000_000],
)
@pytest.mark.parametrize("content_type", [None, "text/plain", FORM])
def test_a_body_of_a_megabyte_fits_whatever_it_holds(body: bytes, content_type: str | None) -> None:
    assert encoded_size(read(body, content_type)) <= MAX_BYTES


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
    assert nesting(value) <= MAX_BODY_NESTING


@given(st.text())
def test_text_is_kept_exactly(text: str) -> None:
    assert read(text.encode(), "text/plain") == (text or None)


def shown(body: bytes, *, content_type: str = f"{JSON}; charset=utf-8") -> bytes:
    return msgspec.json.encode(logged_body(body, content_type=content_type))


@pytest.mark.parametrize(
    "body", [b'{"a": 1e130000, "b":[1,  2]}', b"[" * 100 + b"]" * 100, b'"]]]]{{\\"[["', b"null", b" 1 "]
)
def test_json_is_embedded_as_it_came(body: bytes) -> None:
    assert shown(body) == body.strip()
    assert shown(body, content_type="application/vnd.api+json") == body.strip()


@pytest.mark.parametrize(
    "body", [b"{", b"NaN", b'{"a": "\x01"}', b"[" * 101 + b"]" * 101, b"[" * 100_000, b"\xef\xbb\xbf{}"]
)
def test_what_is_not_fit_to_embed_is_text(body: bytes) -> None:
    assert json.loads(shown(body)) == body.decode()


@pytest.mark.parametrize(
    ("body", "content_type", "expected"),
    [
        (b"", JSON, None),
        (b"{}", "text/plain", "{}"),
        (b"{}", "", "{}"),
        ("é\0".encode(), "text/plain", "é\0"),
        (b"\xff\xfe", JSON, {"base64": "//4="}),
        (b'"\xff"', JSON, {"base64": "Iv8i"}),
    ],
)
def test_the_log_shows(body: bytes, content_type: str, expected: Any) -> None:
    assert json.loads(shown(body, content_type=content_type)) == expected


@given(st.binary(max_size=40) | st.text(alphabet='[]{}",:\\1e-.nul\x00é', max_size=30).map(str.encode))
def test_what_the_log_shows_is_always_json(body: bytes) -> None:
    json.loads(shown(body), parse_constant=pytest.fail)


@given(
    value=st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(),
        lambda below: st.lists(below) | st.dictionaries(st.text(), below),
    ),
    content_type=st.sampled_from([JSON, "text/json", "application/vnd.api+json", "text/plain"]),
)
def test_the_log_shows_what_a_workflow_gets(value: Any, content_type: str) -> None:
    body = msgspec.json.encode(value)
    assert json.loads(shown(body, content_type=content_type)) == read(body, content_type)


def test_lines_of_one_header_are_one_list() -> None:
    pairs = [("Accept", "a"), ("X", "1"), ("accept", "b"), ("Cookie", "c=1"), ("cookie", "d=2")]
    assert join_headers(pairs) == {"Accept": "a, b", "X": "1", "Cookie": "c=1; d=2"}


def test_a_repeated_parameter_is_a_list() -> None:
    assert group_values([("a", "1"), ("b", ""), ("a", "2")]) == {"a": ["1", "2"], "b": ""}


def test_times_are_utc() -> None:
    east = timezone(timedelta(hours=2))
    assert rfc3339(datetime(2026, 1, 1, 2, 30, tzinfo=east)) == "2026-01-01T00:30:00Z"
    assert schedule_payload(datetime(2026, 1, 1, tzinfo=UTC), configured_input=[1]) == {
        "scheduledTime": "2026-01-01T00:00:00Z",
        "input": [1],
    }
