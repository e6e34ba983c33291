"""Bodies as the log shows them: what a workflow gets, and JSON to the letter."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trigger_bodies import logged_body, read_body

JSON = "application/json"


def shown(body: bytes, *, content_type: str | None = f"{JSON}; charset=utf-8") -> bytes:
    read = read_body(body, content_type=content_type, content_encoding=None)
    return msgspec.json.encode(logged_body(body, read=read))


@pytest.mark.parametrize(
    "body", [b'{"a": 1.50, "b":[1,  2]}', b"[" * 100 + b"]" * 100, b'"]]]]{{\\"[["', b"null", b" 1 "]
)
def test_json_is_embedded_as_it_came(body: bytes) -> None:
    assert shown(body) == body.strip()
    assert shown(body, content_type="application/vnd.api+json") == body.strip()


@pytest.mark.parametrize(
    "body", [b"{", b"NaN", b'{"a": "\x01"}', b"[" * 101 + b"]" * 101, b"[" * 100_000, b"{'a': 1}"]
)
def test_what_is_not_json_is_text(body: bytes) -> None:
    assert json.loads(shown(body)) == body.decode()


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"n": %b}' % (b"9" * 5000), {"n": "9" * 5000}),
        (b'{"n": -1.5e999}', {"n": "-1.5e999"}),
        (b'{"n": 1e400, "m": 2}', {"n": "1e400", "m": 2}),
        (b"\xef\xbb\xbf{}", {}),
        (b'{"a":"\xff"}', {"a": "\ufffd"}),
    ],
)
def test_what_some_reader_could_not_take_is_shown_as_it_was_read(body: bytes, expected: Any) -> None:
    assert json.loads(shown(body)) == expected


@pytest.mark.parametrize("body", [b'{"n": "%b"}' % (b"9" * 5000), b'{"n": 1e100}', b'{"n": "1e999"}'])
def test_usual_numbers_and_texts_of_digits_are_embedded(body: bytes) -> None:
    assert shown(body) == body


@pytest.mark.parametrize(
    ("body", "content_type", "expected"),
    [
        (b"", JSON, None),
        (b"{}", "text/plain", {}),
        (b"{}", None, {}),
        (b"{hello}", "text/plain", "{hello}"),
        ("é".encode(), "text/plain", "é"),
        (b"a=1&a=2", "application/x-www-form-urlencoded", {"a": ["1", "2"]}),
        (b"\xff\xd8", "image/jpeg", {"base64": "/9g="}),
    ],
)
def test_the_log_shows_what_a_workflow_gets(body: bytes, content_type: str | None, expected: Any) -> None:
    assert json.loads(shown(body, content_type=content_type)) == expected
    assert read_body(body, content_type=content_type, content_encoding=None).value == expected


@given(st.binary(max_size=40) | st.text(alphabet='[]{}",:\\1e-.nul\x00é', max_size=30).map(str.encode))
def test_what_the_log_shows_is_always_json(body: bytes) -> None:
    json.loads(shown(body), parse_constant=pytest.fail)


@given(
    value=st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(),
        lambda below: st.lists(below) | st.dictionaries(st.text(), below),
    ),
    content_type=st.sampled_from([JSON, "text/json", "application/vnd.api+json", None]),
)
def test_any_json_is_shown_as_a_workflow_gets_it(value: Any, content_type: str | None) -> None:
    body = msgspec.json.encode(value)
    read = read_body(body, content_type=content_type, content_encoding=None)
    assert json.loads(shown(body, content_type=content_type)) == read.value == value
