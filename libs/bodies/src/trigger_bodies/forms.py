"""``application/x-www-form-urlencoded``, as the URL standard reads it (https://url.spec.whatwg.org/, 5.1)."""

import re
from dataclasses import dataclass
from typing import Any, Final

from trigger_bodies.charsets import UnknownCharsetError, codec_of, decode, has_byte_order_mark, is_wide
from trigger_contracts.payloads import group_values

MAX_FIELDS: Final = 10_000

_ESCAPES: Final = re.compile(rb"(?:%[0-9A-Fa-f]{2})+")

_CHARSET_FIELDS: Final = ("_charset_", "charset")
"""Fields that say how the others are encoded: HTML's, and PayPal's."""


class TooManyFieldsError(ValueError):
    """The form has more fields than are read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A field that is repeated has the list of its values. ``problems`` are names of ``ReadingProblem``."""

    value: dict[str, Any]
    problems: tuple[str, ...] = ()


def form_of(content: bytes, *, charset: str | None) -> Form:
    """Read a form; what is no character of its charset is U+FFFD. Raises ``TooManyFieldsError``."""
    if content.count(b"&") >= MAX_FIELDS:
        raise TooManyFieldsError
    content = _narrow(content, charset=charset)
    pairs = [
        tuple(unescaped(part) for part in (name, value))
        for name, _, value in (field.partition(b"=") for field in content.split(b"&") if field)
    ]
    problems: list[str] = []
    codec = _codec(charset, own={bytes(name): value for name, value in pairs}, problems=problems)
    texts = [
        (_text(name, codec, problems=problems), _text(value, codec, problems=problems))
        for name, value in pairs
    ]
    return Form(value=dict(group_values(texts)), problems=tuple(dict.fromkeys(problems)))


def unescaped(part: bytes) -> bytes:
    """Return what ``%XX`` and ``+`` stand for; a ``%`` without two digits stays."""
    part = part.replace(b"+", b" ")
    if b"%" not in part:
        return part
    return _ESCAPES.sub(lambda run: bytes.fromhex(run[0].replace(b"%", b"").decode()), part)


def _narrow(content: bytes, *, charset: str | None) -> bytes:
    """Return a form in UTF-8 where it has a byte order mark or is in UTF-16: no ``&`` is one byte."""
    if has_byte_order_mark(content):
        return decode(content, charset=None)[0].encode("utf-8", "replace")
    if charset is not None and b"\0" in content[:64]:
        try:
            if is_wide(codec_of(charset)):
                return decode(content, charset=charset)[0].encode("utf-8", "replace")
        except UnknownCharsetError:
            pass
    return content


def _codec(charset: str | None, *, own: dict[bytes, bytes], problems: list[str]) -> str:
    if charset is not None:
        try:
            codec = codec_of(charset)
        except UnknownCharsetError:
            problems.append("charset_unknown")
        else:
            # Escapes of wide characters are none in a form: the URL standard has UTF-8.
            return "utf-8" if is_wide(codec) else codec
    for name in _CHARSET_FIELDS:
        try:
            # A field of this name may well mean something else.
            codec = codec_of(own[name.encode()].decode("ascii"))
        except (KeyError, UnicodeDecodeError, UnknownCharsetError):
            continue
        if not is_wide(codec):
            return codec
    return "utf-8"


def _text(data: bytes, codec: str, *, problems: list[str]) -> str:
    try:
        return data.decode(codec)
    except UnicodeError:
        problems.append("replaced_characters")
        return data.decode(codec, "replace")
