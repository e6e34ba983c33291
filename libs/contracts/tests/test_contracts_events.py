"""CloudEvents that somebody else published, in both modes of the NATS binding."""

from typing import Any

import msgspec
import pytest

from trigger_contracts.codec import MalformedMessageError
from trigger_contracts.events import MAX_ID_LENGTH, MAX_NESTING, covers, is_type_pattern, parse, patterns_of
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


@pytest.mark.parametrize("letter", ["a", "\N{PILE OF POO}", "\\", "\x00"])
def test_an_id_is_as_long_as_what_carries_it_allows(letter: str) -> None:
    longest = {**EVENT, "id": letter * MAX_ID_LENGTH}
    assert parse(msgspec.json.encode(longest), subject=SUBJECT).id == longest["id"]
    longer = {**EVENT, "id": letter * (MAX_ID_LENGTH + 1)}
    with pytest.raises(MalformedMessageError, match="over 1024 characters"):
        parse(msgspec.json.encode(longer), subject=SUBJECT)
    with pytest.raises(MalformedMessageError, match="over 1024 characters"):
        parse(b"1", subject=SUBJECT, headers={**HEADERS, "ce-id": "a" * (MAX_ID_LENGTH + 1)})


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


STRUCTURED = {"Content-Type": "application/cloudevents+json"}


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "application/cloudevents+json; charset=UTF-8"},
        {"content-type": "Application/CloudEvents+JSON"},
        {"Content-Type": "application/cloudevents"},
        # A header beside it that belongs to the other mode, and even all of them: the content type decides.
        {**STRUCTURED, "ce-id": "of-the-header"},
        {**STRUCTURED, **HEADERS, "ce-type": "other", "ce-specversion": "0.3"},
        # What a tracing library adds is no sign of the other mode.
        {"ce-traceparent": "00-x"},
        {"Content-Type": "application/json"},
    ],
    ids=repr,
)
def test_what_is_structured_whatever_stands_beside_it(headers: dict[str, str]) -> None:
    assert parse(msgspec.json.encode(EVENT), subject=SUBJECT, headers=headers).document == EVENT


@pytest.mark.parametrize("name", ["ce-specversion", "ce-id", "ce-source", "ce-type"])
def test_one_required_header_makes_it_binary(name: str) -> None:
    with pytest.raises(MalformedMessageError, match="without"):
        parse(msgspec.json.encode(EVENT), subject=SUBJECT, headers={name: HEADERS[name]})


@pytest.mark.parametrize(
    ("data", "headers", "reason"),
    [
        (b"[]", {"Content-Type": "application/cloudevents-batch+json"}, "batch.*message of its own"),
        (b"[]", {"Content-Type": "application/cloudevents-batch"}, "batch"),
        (b"[]", {**HEADERS, "Content-Type": "application/cloudevents-batch+json; charset=utf-8"}, "batch"),
        (msgspec.json.encode([EVENT, EVENT]), STRUCTURED, "a list.*message of its own"),
        (b"Obj", {"Content-Type": "application/cloudevents+avro"}, r"\+avro' is not read: use .*\+json"),
        (b"<a/>", {"Content-Type": "application/cloudevents+xml"}, r"\+xml' is not read"),
        (b'{"total": 5}', {}, "without specversion, id, source, type; for example"),
        (b'{"total": 5}', STRUCTURED, "without specversion"),
        (b'{"specversion": "1.0", "id": null}', {}, "without id, source, type;"),
        (b'"text"', {}, "no JSON object"),
        (msgspec.json.encode({**EVENT, "specversion": "0.3"}), {}, "specversion 1.0 but of '0.3'"),
        (msgspec.json.encode({**EVENT, "id": ""}), {}, "id must not be empty"),
        (msgspec.json.encode({**EVENT, "source": 5}), {}, "source is no text"),
        (msgspec.json.encode({**EVENT, "data_base64": "AAA="}), {}, "both data and data_base64"),
        (b"{", HEADERS, "JSON|truncated"),
        (b"", {**HEADERS, "ce-data": "5"}, "the data is the message"),
        (b"", {**HEADERS, "ce-subject": "%ff"}, "utf-8"),
        (b"", {**HEADERS, "ce-subject": "\udce4"}, "utf-8"),
        (b"", {**HEADERS, "ce-source": ""}, "source must not be empty"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_refusal_says_why(data: bytes, headers: dict[str, str], reason: str) -> None:
    with pytest.raises(MalformedMessageError, match=reason):
        parse(data, subject=SUBJECT, headers=headers)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("caf%C3%A9", "café"),
        ("caf%c3%a9 x", "café x"),
        ("100%25", "100%"),
        ("100%", "100%"),
        ("a+b", "a+b"),
        ("%2520", "%20"),
        ('"in quotes, \\"and\\" more"', 'in quotes, "and" more'),
        ("%22kept%22", '"kept"'),
        ("€", "€"),
    ],
)
def test_header_values_are_decoded_once(value: str, expected: str) -> None:
    document = parse(b"", subject=SUBJECT, headers={**HEADERS, "ce-subject": value}).document
    assert document["subject"] == expected


@pytest.mark.parametrize(
    ("content", "content_type", "expected"),
    [
        (b'{"a": [1]}', "application/json", {"data": {"a": [1]}}),
        (b'{"a": 1}', "application/vnd.shop+json; v=2", {"data": {"a": 1}}),
        ("größe".encode(), "text/plain", {"data": "größe"}),
        ("größe".encode("latin-1"), "text/plain; charset=ISO-8859-1", {"data": "größe"}),
        ("größe".encode("utf-16"), 'text/csv; charset="utf-16"', {"data": "größe"}),
        (b"\x81", "text/plain; charset=shift_jis", {"data_base64": "gQ=="}),
        (b"x", "text/plain; charset=idna", {"data_base64": "eA=="}),
        (b"\xff\x00", "application/octet-stream", {"data_base64": "/wA="}),
        (b"<a/>", "application/xml", {"data_base64": "PGEvPg=="}),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_data_is_the_same_in_both_modes(content: bytes, content_type: str, expected: dict[str, Any]) -> None:
    headers = {**HEADERS, "ce-datacontenttype": content_type, "Content-Type": "application/json"}
    binary = parse(content, subject=SUBJECT, headers=headers).document
    plain = {name: value for name, value in EVENT.items() if name not in ("data", "time")}
    event = {**plain, "datacontenttype": content_type, "data_base64": msgspec.to_builtins(content)}
    structured = parse(msgspec.json.encode(event), subject=SUBJECT).document
    assert binary == structured == {**plain, "datacontenttype": content_type, **expected}


@pytest.mark.parametrize(
    ("content", "content_type"),
    [(b"\xff", "text/plain"), (b"\xff", "application/json"), (b"{", "application/json"), (b"\xc3", "text/x")],
)
def test_data_that_is_not_what_it_says_is_refused_in_both_modes(content: bytes, content_type: str) -> None:
    plain = {name: value for name, value in EVENT.items() if name != "data"}
    event = {**plain, "datacontenttype": content_type, "data_base64": msgspec.to_builtins(content)}
    for data, headers in (
        (content, {**HEADERS, "content-type": content_type}),
        (msgspec.json.encode(event), {}),
    ):
        with pytest.raises(MalformedMessageError, match="not a CloudEvent"):
            parse(data, subject=SUBJECT, headers=headers)


def test_bytes_of_no_declared_type_stay_bytes() -> None:
    event = {name: value for name, value in EVENT.items() if name != "data"} | {"data_base64": "/wA="}
    assert parse(msgspec.json.encode(event), subject=SUBJECT).document == event


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
