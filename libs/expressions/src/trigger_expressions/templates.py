"""The syntax of templates: strings that may hold ``{{ choice }}``.

A choice is one or more operands between ``??``; its value is the first that is not null. An operand is a path
(``trigger.payload.items[0].sku``) or a literal: a text in quotes, a number, ``true``, ``false`` or ``null``.
So ``{{'{{'}}`` stands for two braces. What a path means is the reader's business.
"""

import json
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from trigger_paths import MAX_LENGTH as MAX_PATH_LENGTH
from trigger_paths import Path, PathError, parse_path, scan_path, scan_text, stored_path

ROOTS: Final = ("execution", "nodes", "trigger", "workflow")

_OPEN: Final = "{{"
_CLOSE: Final = "}}"
_BLANKS: Final = re.compile(r"\s*")
_OR: Final = re.compile(r"\?\?|\|\|")
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,30})(?:\.[0-9]{1,30})?(?:[eE][+-]?[0-9]{1,3})?(?![\w.])")
_WORDS: Final = {"true": True, "false": False, "null": None}
_WORD: Final = re.compile(r"(?:true|false|null)(?![\w.\[])")
_PATH_ALONE: Final = re.compile(r"\{\{\s*([^\s.\[\]{}]+(?:\.[^\s.\[\]{}]+|\[[0-9]+\])*)\s*\}\}")
"""All that earlier releases took. Nothing newer has this form and begins with a root."""
_QUOTED_LENGTH: Final = 80
_LONGEST_STEP: Final = 200
_ESCAPE: Final = "Write {{'{{'}} where the braces are text."


class TemplateError(Exception):
    """A string that is not a template; the text says where and why."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A value that stands in the template itself: a text, a number, true, false or null."""

    value: str | float | bool | None


Operand = Path | Literal
Choice = tuple[Operand, ...]
"""The value is that of the first operand that is not null."""

_ReadPath = Callable[[str], Path]


def parts(template: str) -> list[str | Choice]:
    """Return the text and the choices of a template, in order; texts are not empty.

    It takes what this and earlier releases saved. Raises ``TemplateError``.
    """
    return _parts(template, read=stored_path)


def choices_in(template: Any, *, pointer: str = "") -> Iterator[tuple[str, Choice | TemplateError]]:
    """Yield every choice in a JSON value of templates, or what cannot be saved, with its JSON pointer."""
    if isinstance(template, str):
        try:
            pieces = _parts(template, read=parse_path)
            yield from ((pointer, part) for part in pieces if isinstance(part, tuple))
        except TemplateError as error:
            yield pointer, error
    elif isinstance(template, dict):
        for key, item in template.items():
            # A key of megabytes would be in every pointer below it.
            step = str(key)[:_LONGEST_STEP].replace("~", "~0").replace("/", "~1")
            yield from choices_in(item, pointer=f"{pointer}/{step}")
    elif isinstance(template, list):
        for index, item in enumerate(template):
            yield from choices_in(item, pointer=f"{pointer}/{index}")


def _parts(template: str, *, read: _ReadPath) -> list[str | Choice]:
    pieces: list[str | Choice] = []
    position = 0
    while (start := template.find(_OPEN, position)) >= 0:
        if start > position:
            pieces.append(template[position:start])
        try:
            choice, position = _choice(template, start=start, read=read)
        except PathError as error:
            raise TemplateError(str(error)) from None
        pieces.append(choice)
    if position < len(template):
        pieces.append(template[position:])
    return pieces


def _choice(template: str, *, start: int, read: _ReadPath) -> tuple[Choice, int]:
    """Return the choice that begins at two braces, and where it ends. Raises ``PathError``."""
    alone = _PATH_ALONE.match(template, start)
    if alone is not None and (stored := stored_path(alone[1]))[0] in ROOTS:
        if read is not stored_path and _OR.search(alone[1]):
            raise PathError(f"{_quoted(alone[1])}: write blanks around '??'.")
        return ((stored if read is stored_path else read(alone[1])),), alone.end()
    operands: list[Operand] = []
    at = start + len(_OPEN)
    while True:
        operand, at = _operand(template, start=_after_blanks(template, at), opened=start)
        operands.append(operand)
        at = _after_blanks(template, at)
        if template.startswith(_CLOSE, at):
            return tuple(operands), at + len(_CLOSE)
        separator = _OR.match(template, at)
        if separator is None:
            raise PathError(_reason(template, opened=start))
        at = separator.end()


def _operand(template: str, *, start: int, opened: int) -> tuple[Operand, int]:
    if (text := scan_text(template, start=start)) is not None:
        return Literal(text[0]), text[1]
    if word := _WORD.match(template, start):
        return Literal(_WORDS[word[0]]), word.end()
    if number := _NUMBER.match(template, start):
        value = json.loads(number[0])
        if not math.isfinite(value):
            raise PathError(f"{_quoted(number[0])} is larger than a number can be.")
        return Literal(value), number.end()
    path, end = scan_path(template, start=start)
    if not path or path[0] not in ROOTS:
        raise PathError(_reason(template, opened=opened))
    if end - start > MAX_PATH_LENGTH:
        raise PathError(f"{_quoted(template[start:end])}: a path has at most {MAX_PATH_LENGTH} characters.")
    return path, end


def _after_blanks(template: str, start: int) -> int:
    blanks = _BLANKS.match(template, start)
    return start if blanks is None else blanks.end()


def _reason(template: str, *, opened: int) -> str:
    """Return why there is no choice after two braces: what most likely was meant."""
    end = template.find(_CLOSE, opened + len(_OPEN))
    if end < 0:
        return f"'{{{{' without '}}}}' in {_quoted(template[opened:])}. {_ESCAPE}"
    text = template[opened + len(_OPEN) : end].strip()
    if not text:
        return f"There is an empty path: '{{{{ }}}}'. {_ESCAPE}"
    if text.startswith("="):
        return f"{_quoted(text)} is an expression. A template names a value, such as trigger.payload.name"
    if re.search(r"[^|]\|[^|]", text):
        return f"{_quoted(text)} has a '|'. A template has no functions; only '??' gives a default."
    operand = next((part for part in map(str.strip, _OR.split(text)) if not _is_operand(part)), "")
    if not operand:
        return f"{_quoted(text)}: write a path or a value before and after '??'."
    if re.split(r"[.\[]", operand, maxsplit=1)[0] not in ROOTS:
        return f"{_quoted(operand)}: a path begins with one of {', '.join(ROOTS)}. {_ESCAPE}"
    try:
        parse_path(operand)
    except PathError as error:
        return str(error)
    return f"{_quoted(text)}: only '??' may follow a path."


def _is_operand(text: str) -> bool:
    if _WORD.fullmatch(text) or _NUMBER.fullmatch(text):
        return True
    try:
        if (quoted := scan_text(text, start=0)) is not None:
            return quoted[1] == len(text)
        return parse_path(text)[0] in ROOTS
    except PathError:
        return False


def _quoted(text: str) -> str:
    return repr(text if len(text) <= _QUOTED_LENGTH else f"{text[:_QUOTED_LENGTH]}…")
