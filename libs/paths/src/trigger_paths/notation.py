"""How paths are written: ``data.items[0].id``, ``items.0.id``, ``body["First Name"]``.

path    = first *( "." key / bracket ), first = key / bracket
bracket = "[" ( 1*9 digits / quoted ) "]", blanks allowed inside
key     = characters but blanks, controls and what other notations use:
          . [ ] { } ( ) / \\ * " ' ` ? | < > = & ^ , ; !
quoted  = a text in double or single quotes, with JSON's escapes (RFC 8259, 7) and \\'
"""

import json
import re
from typing import Final

Path = tuple[str, ...]
"""The steps. One of digits is an index where it meets a list, a key where it meets an object."""

KEY: Final = re.compile(r"[^\s.\[\]{}()/\\*\"'`?|<>=&^,;!\x00-\x1f\x7f]+")
QUOTED: Final = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'", re.DOTALL)
BRACKET: Final = re.compile(rf"\[\s*(?:(?P<index>[0-9]{{1,9}})|(?P<quoted>{QUOTED.pattern}))\s*\]", re.DOTALL)
NEGATIVE: Final = re.compile(r"-[0-9]+")
JSONPATH_ROOTS: Final = frozenset({"$", "@"})

_INDEX: Final = re.compile(r"[0-9]{1,9}")
_ESCAPE_OR_QUOTE: Final = re.compile(r"\\.|\"", re.DOTALL)
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_SHOWN: Final = 80


class PathError(ValueError):
    """The text is no path; the message says why, and what to write instead."""


def format_path(path: Path) -> str:
    """Return the text that ``parse_path`` reads as this path."""
    text = ""
    for step in path:
        if _INDEX.fullmatch(step):
            text += f"[{step}]"
        elif is_key(step, first=not text):
            text += f".{step}" if text else step
        else:
            text += f"[{json.dumps(step, ensure_ascii=False)}]"
    return text


def is_key(text: str, *, first: bool) -> bool:
    """Tell whether a key needs no quotes."""
    if first and text in JSONPATH_ROOTS:
        return False
    return KEY.fullmatch(text) is not None and NEGATIVE.fullmatch(text) is None


def unquote(quoted: str) -> str:
    """Return the text between the quotes. Raises ``PathError`` for an escape that is not JSON's."""

    # JSON knows one kind of quotes: in the other kind it needs an escape, and ' is never escaped.
    def as_json(escape: re.Match[str]) -> str:
        return {"\\'": "'", '"': '\\"'}.get(escape[0], escape[0])

    try:
        text = str(json.loads(f'"{_ESCAPE_OR_QUOTE.sub(as_json, quoted[1:-1])}"', strict=False))
    except ValueError:
        detail = f"An escape in {shown(quoted)} is none of JSON. Write a backslash twice."
        raise PathError(detail) from None
    if _SURROGATE.search(text):
        raise PathError(f"An escape in {shown(quoted)} is half of a character.")
    return text


def shown(text: str) -> str:
    """Return as much of a text as an error shows."""
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
