"""Stream ``EVENTS``: CloudEvents 1.0 from internal services, one a message, and which types a trigger names.

They come from outside these services, so every part of them is checked. Both modes of the
CloudEvents NATS binding are read: structured (the message is the JSON event) and binary (attributes
in ``ce-`` headers, the message is the data).

https://github.com/cloudevents/spec/blob/main/cloudevents/bindings/nats-protocol-binding.md
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import unquote_to_bytes

import msgspec

from trigger_contracts import streams
from trigger_contracts.codec import MalformedMessageError
from trigger_contracts.json_depth import nesting

MAX_NESTING: Final = 64
"""JSON deeper than this is refused: every later reader of it recurses."""

_ALL_BELOW: Final = ".*"
MAX_ID_LENGTH: Final = 1024
"""Characters. The id is in every fact of the execution, and beside its outputs in what Temporal carries."""

_VERSION: Final = "1.0"
_REQUIRED: Final = ("specversion", "id", "source", "type")
_EXAMPLE: Final = '{"specversion": "1.0", "id": "1", "source": "/shop", "type": "order.created"}'
_HEADER: Final = "ce-"
_STRUCTURED: Final = "application/cloudevents"
_BATCH: Final = "application/cloudevents-batch"
_ESCAPED: Final = re.compile(r"\\(.)")
_CHARSET: Final = re.compile(r"""; *charset *= *"?([\w.-]+)""", re.ASCII | re.IGNORECASE)
_CHARSETS: Final = frozenset({"utf-8", "us-ascii", "iso-8859-1", "windows-1252", "utf-16"})
"""Texts of another charset stay bytes."""


class CloudEvent(msgspec.Struct, frozen=True, kw_only=True):
    """The attributes that triggers match on, and the whole event as JSON."""

    id: str
    source: str
    type: str
    workspace: str | None
    document: dict[str, Any]


def is_type_pattern(text: str) -> bool:
    """Tell whether a text can be a trigger's event type: a type, or ``order.*`` for all types below it."""
    return streams.is_event_type(text.removesuffix(_ALL_BELOW))


def covers(pattern: str, *, event_type: str) -> bool:
    """Tell whether a trigger's event type includes the type of an event."""
    if pattern.endswith(_ALL_BELOW):
        return event_type.startswith(pattern.removesuffix("*"))
    return event_type == pattern


def patterns_of(event_type: str) -> Iterator[str]:
    """Yield every pattern that includes a type: ``a.b.c``, ``a.b.*``, ``a.*``."""
    yield event_type
    while "." in event_type:
        event_type = event_type.rpartition(".")[0]
        yield event_type + _ALL_BELOW


def parse(data: bytes, *, subject: str, headers: Mapping[str, str] | None = None) -> CloudEvent:
    """Return the event. Raises ``MalformedMessageError``, which says what is wrong.

    The subject must agree with the event's type: permissions to publish are granted by subject.
    """
    by_name = {name.lower(): value for name, value in (headers or {}).items()}
    try:
        document = _document(data, headers=by_name)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise MalformedMessageError(f"not a CloudEvent: {error}") from error
    attributes = _attributes(document)
    if subject != f"{streams.EVENTS_PREFIX}{attributes['type']}":
        raise MalformedMessageError(
            f"the event's type {attributes['type'][:80]!r} is not the subject's: "
            f"publish it on {streams.EVENTS_PREFIX}<type>"
        )
    return CloudEvent(
        id=attributes["id"],
        source=attributes["source"],
        type=attributes["type"],
        workspace=document.get("workspace"),
        document=document,
    )


def _document(data: bytes, *, headers: Mapping[str, str]) -> dict[str, Any]:
    """Read the mode that the sender chose (NATS binding 3): the content type decides before ``ce-`` headers.

    Without either it is structured: the binding said so before NATS had headers.
    """
    media_type = _media_type(headers.get("content-type", ""))
    if media_type.startswith(_BATCH):
        raise MalformedMessageError("a batch of events: publish each event as a message of its own")
    if media_type.startswith(_STRUCTURED):
        if media_type not in (_STRUCTURED, f"{_STRUCTURED}+json"):
            raise MalformedMessageError(
                f"the event format {media_type[:80]!r} is not read: use {_STRUCTURED}+json"
            )
        return _structured(data)
    if any(f"{_HEADER}{name}" in headers for name in _REQUIRED):
        return _binary(data, headers=headers)
    return _structured(data)


def _attributes(document: Mapping[str, Any]) -> dict[str, str]:
    """Return the required attributes (CloudEvents 1.0, 3.1), which are texts that are not empty."""
    missing = [name for name in _REQUIRED if document.get(name) is None]
    if missing:
        raise MalformedMessageError(f"not a CloudEvent: without {', '.join(missing)}; for example {_EXAMPLE}")
    for name in (*_REQUIRED, "workspace"):
        value = document.get(name)
        if value is not None and not isinstance(value, str):
            raise MalformedMessageError(f"not a CloudEvent: {name} is no text")
        if value == "" and name in _REQUIRED:
            raise MalformedMessageError(f"not a CloudEvent: {name} must not be empty")
    if document["specversion"] != _VERSION:
        raise MalformedMessageError(
            f"not a CloudEvent of specversion {_VERSION} but of {document['specversion'][:20]!r}"
        )
    if len(document["id"]) > MAX_ID_LENGTH:
        raise MalformedMessageError(f"the event's id has over {MAX_ID_LENGTH} characters: send a shorter one")
    return {name: document[name] for name in _REQUIRED}


def _structured(data: bytes) -> dict[str, Any]:
    document = _json(data)
    if isinstance(document, list):
        raise MalformedMessageError("a list: publish each event as a message of its own")
    if not isinstance(document, dict):
        raise MalformedMessageError(f"not a CloudEvent: no JSON object; for example {_EXAMPLE}")
    if document.get("data_base64") is None:
        return document
    if "data" in document:
        raise MalformedMessageError("not a CloudEvent: both data and data_base64")
    content_type = document.get("datacontenttype")
    # Bytes of a type that was not declared stay as they are.
    if not isinstance(content_type, str):
        return document
    attributes = {name: value for name, value in document.items() if name != "data_base64"}
    content = msgspec.convert(document["data_base64"], bytes)
    return {**attributes, **_data(content, content_type=content_type)}


def _binary(data: bytes, *, headers: Mapping[str, str]) -> dict[str, Any]:
    document: dict[str, Any] = {
        name.removeprefix(_HEADER): _header_value(value)
        for name, value in headers.items()
        if name.startswith(_HEADER)
    }
    if "data" in document or "data_base64" in document:
        raise MalformedMessageError("not a CloudEvent: the data is the message, not a header")
    # As an attribute like any other (NATS binding 3.1.3); some senders follow the HTTP binding's rule.
    content_type = document.get("datacontenttype") or headers.get("content-type") or "application/json"
    document["datacontenttype"] = content_type
    return {**document, **_data(data, content_type=content_type)} if data else document


def _data(content: bytes, *, content_type: str) -> dict[str, Any]:
    """Return ``data`` for JSON and text, ``data_base64`` for all else: the same in both modes."""
    media_type = _media_type(content_type)
    if media_type.endswith(("/json", "+json")):
        return {"data": _json(content)}
    if media_type.startswith("text/"):
        charset = _CHARSET.search(content_type)
        name = charset.group(1).lower() if charset else "utf-8"
        if name in _CHARSETS:
            return {"data": content.decode(name)}
    return {"data_base64": msgspec.to_builtins(content)}


def _media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def _header_value(value: str) -> str:
    """Return what a header stands for: quotes are taken off, then percent signs (HTTP binding 3.1.3.2)."""
    text = value.strip()
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = _ESCAPED.sub(r"\1", text[1:-1])
    return unquote_to_bytes(text).decode()


def _json(data: bytes) -> Any:
    value = msgspec.json.decode(data)
    if nesting(value) > MAX_NESTING:
        raise MalformedMessageError(f"nested deeper than {MAX_NESTING} levels")
    return value
