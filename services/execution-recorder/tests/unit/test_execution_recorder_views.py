"""How bodies look in answers."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given as given_values
from hypothesis import strategies as st

from execution_recorder.entrypoints.views import CursorKey, body_view, cursor_key, page_key
from execution_recorder.ports import PageKey

_JSON = "application/json; charset=utf-8"


def _shown(body: bytes, *, content_type: str = _JSON) -> bytes:
    return msgspec.json.encode(body_view(body, content_type=content_type))


@pytest.mark.parametrize(
    "body", [b'{"a": 1e130000, "b":[1,  2]}', b"[" * 100 + b"]" * 100, b'"]]]]{{\\"[["', b"null", b" 1 "]
)
def test_json_is_embedded_as_it_came(body: bytes) -> None:
    assert _shown(body) == body.strip()
    assert _shown(body, content_type="application/vnd.api+json") == body.strip()


@pytest.mark.parametrize(
    "body", [b"{", b"NaN", b'{"a": "\x01"}', b"[" * 101 + b"]" * 101, b"[" * 100_000, b"\xef\xbb\xbf{}"]
)
def test_what_is_not_fit_to_embed_is_text(body: bytes) -> None:
    assert json.loads(_shown(body)) == body.decode()


@pytest.mark.parametrize(
    ("body", "content_type", "expected"),
    [
        (b"", _JSON, None),
        (b"{}", "text/plain", "{}"),
        (b"{}", "", "{}"),
        ("é\0".encode(), "text/plain", "é\0"),
        (b"\xff\xfe", _JSON, {"base64": "//4="}),
        (b'"\xff"', _JSON, {"base64": "Iv8i"}),
    ],
)
def test_other_bodies(body: bytes, content_type: str, expected: Any) -> None:
    assert json.loads(_shown(body, content_type=content_type)) == expected


@given_values(st.binary(max_size=40) | st.text(alphabet='[]{}",:\\1e-.nul\x00é', max_size=30).map(str.encode))
def test_an_answer_is_always_json(body: bytes) -> None:
    json.loads(_shown(body), parse_constant=pytest.fail)


@given_values(st.datetimes(timezones=st.just(UTC)))
def test_a_cursor_is_exact(at: datetime) -> None:
    key = PageKey(at=at, id=UUID(int=1))
    data = msgspec.json.encode(cursor_key(key))
    assert page_key(msgspec.json.decode(data, type=CursorKey)) == key
