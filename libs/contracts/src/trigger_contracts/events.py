"""Stream ``EVENTS``: CloudEvents 1.0 from internal services, one a message, and which types a trigger names.

They come from outside these services, so every part of them is checked. Both modes of the
CloudEvents NATS binding are read: structured (the message is the JSON event) and binary (attributes
in ``ce-`` headers, the message is the data).
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import unquote

import msgspec

from trigger_contracts import streams
from trigger_contracts.codec import MalformedMessageError
from trigger_contracts.json_depth import nesting

MAX_NESTING: Final = 64
"""JSON deeper than this is refused: every later reader of it recurses."""


_ALL_BELOW: Final = ".*"


class CloudEvent(msgspec.Struct, frozen=True, kw_only=True):
    """The attributes that triggers match on, and the whole event as JSON."""

    id: str
    source: str
    type: str
    workspace: str | None
    document: dict[str, Any]


class _Required(msgspec.Struct, frozen=True):
    specversion: str
    id: str
    source: str
    type: str
    workspace: str | None = None


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
    attributes = {name.lower(): value for name, value in (headers or {}).items()}
    try:
        document = _binary(data, headers=attributes) if "ce-specversion" in attributes else _json(data)
        required = msgspec.convert(document, _Required)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise MalformedMessageError(f"not a CloudEvent: {error}") from error
    if required.specversion != "1.0":
        raise MalformedMessageError("not a CloudEvent of specversion 1.0")
    if not (required.id and required.source and required.type):
        raise MalformedMessageError("a CloudEvent's id, source and type must not be empty")
    if subject != f"{streams.EVENTS_PREFIX}{required.type}":
        raise MalformedMessageError(f"the event's type {required.type[:80]!r} is not the subject's")
    return CloudEvent(
        id=required.id,
        source=required.source,
        type=required.type,
        workspace=required.workspace,
        document=document,
    )


def _json(data: bytes) -> Any:
    value = msgspec.json.decode(data)
    if nesting(value) > MAX_NESTING:
        raise MalformedMessageError(f"nested deeper than {MAX_NESTING} levels")
    return value


def _binary(data: bytes, *, headers: Mapping[str, str]) -> dict[str, Any]:
    document: dict[str, Any] = {
        name.removeprefix("ce-"): unquote(value) for name, value in headers.items() if name.startswith("ce-")
    }
    content_type = headers.get("content-type") or headers.get("ce-datacontenttype") or "application/json"
    document["datacontenttype"] = content_type
    media_type = content_type.partition(";")[0].strip().lower()
    if not data:
        return document
    if media_type.endswith(("/json", "+json")):
        document["data"] = _json(data)
    elif media_type.startswith("text/"):
        document["data"] = data.decode()
    else:
        document["data_base64"] = msgspec.to_builtins(data)
    return document
