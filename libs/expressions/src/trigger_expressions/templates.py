"""The syntax of templates: strings that may hold ``{{ path }}``.

A path is a root, then keys after dots and list indices in brackets or after dots:
``trigger.payload.items[0].sku``. What a path means is the reader's business.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

ROOTS: Final = ("execution", "nodes", "trigger", "workflow")

Path = tuple[str, ...]
"""The segments of a path, its root first."""

_OPEN: Final = "{{"
_CLOSE: Final = "}}"
_PATH: Final = re.compile(r"[^\s.\[\]{}]+(?:\.[^\s.\[\]{}]+|\[[0-9]+\])*")
_SEGMENT: Final = re.compile(r"[^.\[\]]+")
_QUOTED_LENGTH: Final = 80
_LONGEST_STEP: Final = 200


class TemplateError(Exception):
    """A string that is not a template; the text says where and why."""


def parts(template: str) -> list[str | Path]:
    """Return the text and the paths of a template, in order; texts are not empty.

    Raises ``TemplateError``.
    """
    pieces: list[str | Path] = []
    position = 0
    while (start := template.find(_OPEN, position)) >= 0:
        end = template.find(_CLOSE, start + len(_OPEN))
        if end < 0:
            raise TemplateError(f"'{{{{' without '}}}}' in {_quoted(template[start:])}")
        if start > position:
            pieces.append(template[position:start])
        pieces.append(_path(template[start + len(_OPEN) : end]))
        position = end + len(_CLOSE)
    if position < len(template):
        pieces.append(template[position:])
    return pieces


def paths_in(template: Any, *, pointer: str = "") -> Iterator[tuple[str, Path | TemplateError]]:
    """Yield every path in a JSON value of templates, or what is wrong there, with its JSON pointer."""
    if isinstance(template, str):
        try:
            yield from ((pointer, part) for part in parts(template) if isinstance(part, tuple))
        except TemplateError as error:
            yield pointer, error
    elif isinstance(template, dict):
        for key, item in template.items():
            # A key of megabytes would be in every pointer below it.
            step = str(key)[:_LONGEST_STEP].replace("~", "~0").replace("/", "~1")
            yield from paths_in(item, pointer=f"{pointer}/{step}")
    elif isinstance(template, list):
        for index, item in enumerate(template):
            yield from paths_in(item, pointer=f"{pointer}/{index}")


def _path(expression: str) -> Path:
    text = expression.strip()
    if not text:
        raise TemplateError("an empty path: '{{ }}'")
    if _PATH.fullmatch(text) is None:
        raise TemplateError(f"{_quoted(text)} is not a path such as trigger.payload.items[0].name")
    path = tuple(_SEGMENT.findall(text))
    if path[0] not in ROOTS:
        raise TemplateError(f"{_quoted(text)}: a path begins with one of {', '.join(ROOTS)}")
    return path


def _quoted(text: str) -> str:
    return repr(text if len(text) <= _QUOTED_LENGTH else f"{text[:_QUOTED_LENGTH]}…")
