"""What a webhook's headers, query and body look like, in the payload of a workflow and in the log.

Two services read the same delivery: what a workflow runs with is what the log shows. The log keeps a number's
own digits and a form's own text; the payload holds values that a template can reach into.
"""

import base64
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec

from trigger_contracts.json_depth import nesting, nesting_of_text
from trigger_contracts.workflow_io import encoded_size

MAX_BODY_NESTING: Final = 100
"""A body that nests deeper is taken and shown as text."""

_FORM: Final = "application/x-www-form-urlencoded"


def join_headers(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return header fields as an object; a name keeps the spelling of its first line.

    Lines of one name are one list, joined with ``", "`` (RFC 9110, 5.3). ``Cookie`` is not a list: a sender
    puts its pairs into one line (RFC 6265, 5.4), so lines that HTTP/2 has split are joined with ``"; "`` (RFC
    9113, 8.2.3).
    """
    spelling: dict[str, str] = {}
    values: dict[str, str] = {}
    for name, value in pairs:
        lower = name.lower()
        key = spelling.setdefault(lower, name)
        separator = "; " if lower == "cookie" else ", "
        values[key] = f"{values[key]}{separator}{value}" if key in values else value
    return values


def group_values(pairs: Iterable[tuple[str, str]]) -> dict[str, str | list[str]]:
    """Return each name with its value; a name that is repeated has the list of its values."""
    groups: dict[str, list[str]] = {}
    for name, value in pairs:
        groups.setdefault(name, []).append(value)
    return {name: values[0] if len(values) == 1 else values for name, values in groups.items()}


def payload_body(
    body: bytes, *, content_type: str | None, content_encoding: str | None, max_bytes: int
) -> Any:
    """Return a body as the JSON value that a workflow gets.

    It is the first of these that the bytes are: ``None`` where they are empty, base64 where they are
    compressed, JSON or a form by the content type (JSON is tried where it is absent), text, base64.

    Never fails: the request has had its 202 and has to run. A form whose value is over ``max_bytes`` as JSON
    counts as unreadable: 1 MiB of control characters is 6 MiB as JSON text.
    """
    if not body:
        return None
    if content_encoding and content_encoding.strip().lower() != "identity":
        return _as_base64(body)
    for read in _readers(_media_type(content_type)):
        try:
            value = read(body)
            if encoded_size(value) <= max_bytes:
                return value
        except (ValueError, TypeError, RecursionError):
            continue
    return _as_base64(body)


def logged_body(body: bytes, *, content_type: str | None) -> msgspec.Raw | str | dict[str, str] | None:
    """Return a body as the log shows it: exactly as it was sent, as JSON where the content type says so.

    Else it is text where it is UTF-8, else base64; ``None`` where it is empty.
    """
    if not body:
        return None
    if _is_json(_media_type(content_type)) and (value := embeddable_json(body)) is not None:
        return value
    try:
        return body.decode()
    except UnicodeDecodeError:
        return _as_base64(body)


def embeddable_json(data: bytes) -> msgspec.Raw | None:
    """Return bytes as a value to embed in a JSON document; ``None`` where some reader could not read it.

    Decoding to ``Raw`` checks the grammar and keeps every digit; it checks neither encoding nor depth.
    """
    try:
        data.decode()
        value = msgspec.json.decode(data, type=msgspec.Raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return value if nesting_of_text(data) <= MAX_BODY_NESTING else None


def schedule_payload(nominal_time: datetime, *, configured_input: Any) -> dict[str, Any]:
    """Return a schedule's payload: the time that the fire was due at, and the trigger's configured input."""
    return {"scheduledTime": rfc3339(nominal_time), "input": configured_input}


def rfc3339(time: datetime) -> str:
    """Return an aware time as RFC 3339 in UTC, ending in ``Z``."""
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _media_type(content_type: str | None) -> str:
    return (content_type or "").partition(";")[0].strip().lower()


def _is_json(media_type: str) -> bool:
    return media_type.endswith(("/json", "+json"))


def _readers(media_type: str) -> list[Callable[[bytes], Any]]:
    if media_type == _FORM:
        return [_form, bytes.decode]
    if not media_type or _is_json(media_type):
        return [_json, bytes.decode]
    return [bytes.decode]


def _json(body: bytes) -> Any:
    value = msgspec.json.decode(body)
    if nesting(value) > MAX_BODY_NESTING:
        raise ValueError(f"nested deeper than {MAX_BODY_NESTING} levels")
    return value


def _form(body: bytes) -> dict[str, str | list[str]]:
    pairs = parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True, errors="strict")
    return group_values(pairs)


def _as_base64(body: bytes) -> dict[str, str]:
    return {"base64": base64.b64encode(body).decode("ascii")}
