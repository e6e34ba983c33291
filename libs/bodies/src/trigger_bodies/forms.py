"""``application/x-www-form-urlencoded``, as the URL standard reads it (https://url.spec.whatwg.org/, 5.1)."""

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from trigger_bodies.charsets import UnknownCharsetError, codec_of
from trigger_contracts.payloads import group_values

MAX_FIELDS: Final = 10_000

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
    pairs = [
        tuple(unquote_to_bytes(part.replace(b"+", b" ")) for part in (name, value))
        for name, _, value in (field.partition(b"=") for field in content.split(b"&") if field)
    ]
    problems: list[str] = []
    codec = _codec(charset, own={bytes(name): value for name, value in pairs}, problems=problems)
    texts = [
        (_text(name, codec, problems=problems), _text(value, codec, problems=problems))
        for name, value in pairs
    ]
    return Form(value=dict(group_values(texts)), problems=tuple(dict.fromkeys(problems)))


def _codec(charset: str | None, *, own: dict[bytes, bytes], problems: list[str]) -> str:
    if charset is not None:
        try:
            return codec_of(charset)
        except UnknownCharsetError:
            problems.append("charset_unknown")
    for name in _CHARSET_FIELDS:
        try:
            # A field of this name may well mean something else.
            return codec_of(own[name.encode()].decode("ascii"))
        except (KeyError, UnicodeDecodeError, UnknownCharsetError):
            continue
    return "utf-8"


def _text(data: bytes, codec: str, *, problems: list[str]) -> str:
    try:
        return data.decode(codec)
    except UnicodeError:
        problems.append("replaced_characters")
        return data.decode(codec, "replace")
