"""A body as the log shows it: what the workflow got, and JSON to the letter."""

import re
from typing import Any, Final

import msgspec

from trigger_bodies.json_values import LONGEST_NUMBER, MAX_NESTING
from trigger_bodies.read_body import BodyFormat, ReadBody
from trigger_contracts.json_depth import nesting_of_text

_TEXT: Final = re.compile(rb'"(?:[^"\\]|\\.)*"')
_UNUSUAL_NUMBER: Final = re.compile(
    rb"[0-9]{%d}|[0-9][eE][+-]?(?:[3-9][0-9]{2}|[0-9]{4})" % (LONGEST_NUMBER + 1)
)


def logged_body(body: bytes, *, read: ReadBody) -> Any:
    """Return the value to show; exactly as it was sent where it is JSON that every reader takes."""
    if read.format is BodyFormat.JSON and (value := embeddable_json(body)) is not None:
        return value
    return read.value


def embeddable_json(data: bytes) -> msgspec.Raw | None:
    """Return bytes as a value to embed in a JSON document; ``None`` where some reader could not read it.

    Decoding to ``Raw`` checks the grammar and keeps every digit. It checks neither encoding nor depth, nor
    numbers: one of thousands of digits would make the whole page unreadable to some readers.
    """
    try:
        data.decode()
        value = msgspec.json.decode(data, type=msgspec.Raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if nesting_of_text(data) > MAX_NESTING:
        return None
    return None if _UNUSUAL_NUMBER.search(_TEXT.sub(b'""', data)) else value
