"""CloudEvents that somebody else published, in both modes of the NATS binding."""

from typing import Any

import msgspec
import pytest

from trigger_contracts.codec import MalformedMessageError
from trigger_contracts.events import MAX_NESTING, covers, is_type_pattern, parse, patterns_of
from trigger_contracts.json_depth import nesting

EVENT: dict[str, Any] = {
    "specversion": "1.0",
    "id": "e-1",
    "source": "/shop",
    "type": "order.created",
    "time": "2026-11-23T09:15:42Z",
    "workspace": "acme",
    "data": {"total": 120.5, "country": "NL"},
}
HEADERS = {
    "ce-specversion": "1.0",
    "ce-id": "e-1",
    "ce-source": "/shop",
    "ce-type": "order.created",
    "ce-workspace": "acme",
}
SUBJECT = "events.order.created"


def test_structured_mode() -> None:
    event = parse(msgspec.json.encode(EVENT), subject=SUBJECT)
    assert (event.id, event.source, event.type, event.workspace) == (
        "e-1",
        "/shop",
        "order.created",
        "acme",
    )
    assert event.document == EVENT
    without = {name: value for name, value in EVENT.items() if name != "workspace"}
    headers = {"Content-Type": "application/cloudevents+json", "Nats-Msg-Id": "m"}
    assert parse(msgspec.json.encode(without), subject=SUBJECT, headers=headers).workspace is None


@pytest.mark.parametrize(
    ("more", "data", "expected"),
    [
        ({}, b'{"a": 1}', {"datacontenttype": "application/json", "data": {"a": 1}}),
        (
            {"content-type": "application/json; charset=utf-8"},
            b"[1]",
            {"datacontenttype": "application/json; charset=utf-8", "data": [1]},
        ),
        (
            {"ce-datacontenttype": "application/vnd.shop+json"},
            b"null",
            {"datacontenttype": "application/vnd.shop+json", "data": None},
        ),
        ({"Content-Type": "text/plain"}, "ä".encode(), {"datacontenttype": "text/plain", "data": "ä"}),
        (
            {"content-type": "application/octet-stream"},
            b"\xff\x00",
            {"datacontenttype": "application/octet-stream", "data_base64": "/wA="},
        ),
        ({}, b"", {"datacontenttype": "application/json"}),
        (
            {"CE-Subject": "caf%C3%A9%20%25", "traceparent": "00-x"},
            b"",
            {"datacontenttype": "application/json", "subject": "café %"},
        ),
    ],
)
def test_binary_mode(more: dict[str, str], data: bytes, expected: dict[str, Any]) -> None:
    event = parse(data, subject=SUBJECT, headers={**HEADERS, **more})
    assert (event.id, event.source, event.type, event.workspace) == (
        "e-1",
        "/shop",
        "order.created",
        "acme",
    )
    attributes = {name.removeprefix("ce-"): value for name, value in HEADERS.items()}
    assert event.document == {**attributes, **expected}


@pytest.mark.parametrize(
    "changes",
    [
        {"specversion": "0.3"},
        {"specversion": 1.0},
        {"specversion": None},
        {"id": ""},
        {"id": 5},
        {"source": ""},
        {"source": None},
        {"type": ""},
        {"type": "order.deleted"},
        {"type": "order.*"},
        {"type": "order"},
        {"workspace": 5},
        {"workspace": ["acme"]},
    ],
    ids=repr,
)
def test_wrong_attributes(changes: dict[str, Any]) -> None:
    with pytest.raises(MalformedMessageError):
        parse(msgspec.json.encode({**EVENT, **changes}), subject=SUBJECT)


@pytest.mark.parametrize("name", ["specversion", "id", "source", "type"])
def test_missing_attributes(name: str) -> None:
    with pytest.raises(MalformedMessageError):
        parse(
            msgspec.json.encode({key: value for key, value in EVENT.items() if key != name}), subject=SUBJECT
        )
    if name != "specversion":
        headers = {key: value for key, value in HEADERS.items() if key != f"ce-{name}"}
        with pytest.raises(MalformedMessageError):
            parse(b"", subject=SUBJECT, headers=headers)


@pytest.mark.parametrize(
    ("data", "headers"),
    [
        (b"", {}),
        (b"{", {}),
        (b"[]", {}),
        (b"null", {}),
        (msgspec.json.encode([EVENT]), {}),
        (b"\xff", {}),
        (b"[" * 100_000, {}),
        (b"{", HEADERS),
        (b"NaN", HEADERS),
        (b"\xff", {**HEADERS, "content-type": "text/plain"}),
        (b"[" * 100_000, HEADERS),
        (b"", {**HEADERS, "ce-specversion": "2.0"}),
        (b"", {**HEADERS, "ce-type": "other"}),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_what_is_no_event(data: bytes, headers: dict[str, str]) -> None:
    with pytest.raises(MalformedMessageError):
        parse(data, subject=SUBJECT, headers=headers)


@pytest.mark.parametrize("subject", ["order.created", "events.", "events.order.created.more", "events.*", ""])
def test_the_subject_must_agree(subject: str) -> None:
    with pytest.raises(MalformedMessageError):
        parse(msgspec.json.encode(EVENT), subject=subject)


def test_the_depth_is_bounded_in_both_modes() -> None:
    def nested(depth: int) -> Any:
        value: Any = 1
        for _ in range(depth):
            value = [value]
        return value

    fits = msgspec.json.encode({**EVENT, "data": nested(MAX_NESTING - 1)})
    assert nesting(parse(fits, subject=SUBJECT).document) == MAX_NESTING
    for data, headers in (
        (msgspec.json.encode({**EVENT, "data": nested(MAX_NESTING)}), {}),
        (msgspec.json.encode(nested(MAX_NESTING + 1)), HEADERS),
    ):
        with pytest.raises(MalformedMessageError, match="deeper than"):
            parse(data, subject=SUBJECT, headers=headers)


def test_the_patterns_of_a_type_are_those_that_include_it() -> None:
    assert list(patterns_of("order.line.added")) == ["order.line.added", "order.line.*", "order.*"]
    for pattern in patterns_of("order.line.added"):
        assert is_type_pattern(pattern)
        assert covers(pattern, event_type="order.line.added")
        assert not covers(pattern, event_type="order")


@pytest.mark.parametrize("text", ["", ".*", "*", "order.**", "order..*", "order*", "a b.*"])
def test_what_is_not_a_pattern(text: str) -> None:
    assert not is_type_pattern(text)
