"""What a webhook's body is to a workflow: JSON, a form, text, or base64.

Total: every sequence of bytes comes out as something that JSON can carry, for the request has been
answered 202 and has to run.
"""

import base64
from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec

from orchestrator_worker.domain.limits import MAX_VALUE_BYTES, encoded_size
from trigger_contracts.events import nesting

MAX_NESTING: Final = 100
"""JSON deeper than this is handed on as text."""

_FORM: Final = "application/x-www-form-urlencoded"


class _NotThisError(ValueError):
    """The bytes are not of the form that was tried."""


def read_body(body: bytes, *, content_type: str | None, content_encoding: str | None) -> Any:
    """Return the body as a JSON value.

    It is the first of these that the bytes are: ``None`` where they are empty, base64 where they are
    compressed, what the content type says (JSON or form; JSON is tried where there is no content
    type), text, base64. A form that JSON would blow up beyond what Temporal carries counts as a
    failure too: 1 MiB of control characters is 6 MiB as JSON text.
    """
    if not body:
        return None
    if content_encoding and content_encoding.strip().lower() != "identity":
        return _base64(body)
    media_type = (content_type or "").partition(";")[0].strip().lower()
    readers = [_text]
    if media_type == _FORM:
        readers = [_form, _text]
    elif not media_type or media_type.endswith(("/json", "+json")):
        readers = [_json, _text]
    for reader in readers:
        try:
            value = reader(body)
            if encoded_size(value) <= MAX_VALUE_BYTES:
                return value
        except (ValueError, TypeError, RecursionError):
            continue
    return _base64(body)


def grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, str | list[str]]:
    """Return names with their value, or with the list of their values where a name is repeated."""
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return {name: found[0] if len(found) == 1 else found for name, found in values.items()}


def _json(body: bytes) -> Any:
    value = msgspec.json.decode(body)
    if nesting(value) > MAX_NESTING:
        raise _NotThisError(f"nested deeper than {MAX_NESTING} levels")
    return value


def _form(body: bytes) -> Any:
    pairs = parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True, errors="strict")
    return grouped(pairs)


def _text(body: bytes) -> Any:
    return body.decode()


def _base64(body: bytes) -> Any:
    return {"base64": base64.b64encode(body).decode("ascii")}
