"""JSON text to a value. Whatever is damaged within a value is repaired there, and is named."""

import json
import re
from typing import Any, Final, NoReturn

import msgspec

from trigger_bodies.charsets import UnknownCharsetError, decode, has_byte_order_mark
from trigger_contracts.json_depth import nesting

MAX_NESTING: Final = 100

LONGEST_NUMBER: Final = 308
"""Digits: a longer whole number is beyond what a double holds, and some readers fail on it."""
# A number is looked at from its first digit alone: from each digit would be 300 times the work.
_LONG_NUMBER: Final = re.compile(rb"(?<![0-9])[0-9]{%d}" % (LONGEST_NUMBER + 1))
_LONG_DIGITS: Final = re.compile(_LONG_NUMBER.pattern.decode())
_ESCAPE: Final = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    r"|(?P<lone>u[dD][89a-fA-F][0-9a-fA-F]{2})"
    r"|.)"
)
"""An escape of JSON: of two surrogates, of a lone one, or any other."""
_UTF_16_OR_32: Final = re.compile(rb"\0|[\x01-\x7f]\0")


class TooDeepError(ValueError):
    """The value nests deeper than a payload may."""


def json_value(content: bytes, *, charset: str | None) -> tuple[Any, list[str]]:
    """Return the value and what had to be repaired (names of ``ReadingProblem``).

    Raises ``ValueError`` for what is not JSON (RFC 8259), ``TooDeepError``, ``RecursionError``.
    """
    problems: list[str] = []
    value = _fast(content)
    if value is _UNREAD:
        value = _careful(_text(content, charset=charset, problems=problems), problems=problems)
    if nesting(value) > MAX_NESTING:
        raise TooDeepError
    return value, list(dict.fromkeys(problems))


_UNREAD: Final = object()


def _fast(content: bytes) -> Any:
    """Return the value of what is wholly in order, which nearly every body is."""
    if len(content) > LONGEST_NUMBER and _LONG_NUMBER.search(content):
        return _UNREAD
    try:
        return msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _UNREAD


def _text(content: bytes, *, charset: str | None, problems: list[str]) -> str:
    if not has_byte_order_mark(content) and (charset is None or "utf-8" in charset.lower()):
        charset = _utf_16_or_32(content) or charset
    try:
        text, is_replaced = decode(content, charset=charset)
    except UnknownCharsetError:
        problems.append("charset_unknown")
        text, is_replaced = decode(content, charset=None)
    if is_replaced:
        problems.append("replaced_characters")
    return text


def _utf_16_or_32(content: bytes) -> str | None:
    """Tell the charset by the zeros among the first characters, which are ASCII (RFC 4627, 3)."""
    start = content[:4]
    if not _UTF_16_OR_32.match(start):
        return None
    match [byte == 0 for byte in start]:
        case [True, True, True, False]:
            return "utf-32be"
        case [False, True, True, True]:
            return "utf-32"
        case [True, False, *_]:
            return "utf-16be"
        case [False, True, *_]:
            return "utf-16le"
        case _:
            return None


def _careful(text: str, *, problems: list[str]) -> Any:
    """Read what the fast reader refuses whole: lone surrogates, and numbers that are too large."""

    def whole(digits: str) -> int | str:
        if len(digits) <= LONGEST_NUMBER:
            return int(digits)
        problems.append("number_out_of_range")
        return digits

    def broken(digits: str) -> float | str:
        number = float(digits)
        if number - number == 0:
            return number
        problems.append("number_out_of_range")
        return digits

    text = text.strip(" \t\n\r")
    has_long_number = _LONG_DIGITS.search(text) is not None
    if not has_long_number:
        # What is no JSON is refused without a call for each of its numbers. JSON has neither NaN nor
        # Infinity; Python's reader would take them.
        json.loads(text, parse_constant=_refuse)
    if "\\u" in text:
        text = _without_lone_surrogates(text, problems=problems)
    parse_int = whole if has_long_number else None
    return json.loads(text, parse_int=parse_int, parse_float=broken, parse_constant=_refuse)


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _without_lone_surrogates(text: str, *, problems: list[str]) -> str:
    """Return JSON text in which escapes of lone surrogates, which no UTF-8 has, are those of U+FFFD."""
    lone = 0

    def replacement(escape: re.Match[str]) -> str:
        nonlocal lone
        if escape["lone"] is None:
            return escape[0]
        lone += 1
        return "\\ufffd"

    text = _ESCAPE.sub(replacement, text)
    if lone:
        problems.append("replaced_characters")
    return text
