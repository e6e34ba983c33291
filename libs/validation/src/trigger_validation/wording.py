"""What is wrong with one value, in words for the person who wrote it.

msgspec speaks of Python's types ("Expected `str`, got `int`"). Its texts are translated here and nowhere
else; one that is not known stays as it is, so that another release of msgspec loses no information.
"""

import re
from collections.abc import Iterable
from enum import Enum
from typing import Annotated, Any, Final, Literal, get_args, get_origin

import msgspec
from msgspec import Meta

_SHOWN: Final = 40
"""Characters of a wrong value in a text."""

_TYPE: Final = re.compile(r"Expected `([a-z |]+)`, got `([a-z]+)`")
_LENGTH: Final = re.compile(r"Expected `([a-z]+)` of length (>=|<=) ([0-9]+)")
_BOUND: Final = re.compile(r"Expected `(?:int|float)` (>=|<=|>|<) (-?[0-9.]+?)(?:\.0)?")

_NOUNS: Final = {
    "str": "a text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "null",
    "datetime": "a time",
    "date": "a date",
    "uuid": "a UUID",
}
_SENT: Final = _NOUNS | {"int": "a number", "float": "a decimal number"}
_COUNTED: Final = {
    "str": ("character", "characters"),
    "array": ("item", "items"),
    "object": ("entry", "entries"),
}
_COMPARED: Final = {">=": "at least", "<=": "at most", ">": "more than", "<": "less than"}
_TIME: Final = "Expected an RFC 3339 time with a zone. Example: 2026-01-31T09:00:00Z."
_FORMATS: Final = {
    "Invalid RFC3339 encoded datetime": _TIME,
    "Expected `datetime` with a timezone component": _TIME,
    "Invalid RFC3339 encoded date": "Expected a date. Example: 2026-01-31.",
    "Invalid UUID": "Expected a UUID. Example: 6f1c54a4-0d5e-4f0b-9a3e-2f6d3c1e7a01.",
}


def refusal(error: msgspec.ValidationError, *, kind: Any, value: Any) -> str:
    """Return why ``value`` is not of the type ``kind``, of which msgspec raised ``error``."""
    text = str(error).partition(" - at `")[0]
    if " matching regex " in text:
        return _pattern(kind)
    if choices := _choices(kind):
        return one_of(choices, sent=value)
    if parts := _TYPE.fullmatch(text):
        return _wrong_type(parts[1].split(" | "), sent=parts[2]) or f"{text}."
    if (parts := _LENGTH.fullmatch(text)) and parts[1] in _COUNTED:
        noun = _COUNTED[parts[1]][parts[3] != "1"]
        return f"Expected {_COMPARED[parts[2]]} {parts[3]} {noun}."
    if parts := _BOUND.fullmatch(text):
        return f"Expected {_COMPARED[parts[1]]} {parts[2]}."
    return _FORMATS.get(text, f"{text}.")


def one_of(choices: Iterable[object], *, sent: Any) -> str:
    """Return that one of some values is expected; a text that was sent in its place is shown."""
    actual = f", not {sent[:_SHOWN]!r}" if isinstance(sent, str) else ""
    return f"Expected one of {', '.join(map(str, choices))}{actual}."


def _wrong_type(expected: list[str], *, sent: str) -> str | None:
    names = [name for name in expected if name != "null"] or expected
    if sent not in _SENT or not _NOUNS.keys() >= set(names):
        return None
    return f"Expected {' or '.join(_NOUNS[name] for name in names)}, not {_SENT[sent]}."


def _choices(kind: Any) -> tuple[object, ...]:
    """Return the values of an enumeration; none for any other type."""
    if get_origin(kind) is Annotated:
        return _choices(get_args(kind)[0])
    if get_origin(kind) is Literal:
        return get_args(kind)
    return tuple(one.value for one in kind) if isinstance(kind, type) and issubclass(kind, Enum) else ()


def _pattern(kind: Any) -> str:
    """Return what a pattern's ``Meta`` says of it in words: a regular expression is not for users."""
    words = (meta.extra["words"] for meta in get_args(kind)[1:] if isinstance(meta, Meta) and meta.extra)
    return next(words, "There are characters that are not allowed here.")
