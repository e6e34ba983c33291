"""Templates: any JSON value whose strings may hold ``{{ path }}``.

A string that is one expression and nothing else becomes the value found, of whatever type; inside a
longer string the value becomes text: strings as they are, ``null`` as nothing, all else as compact
JSON. A path that finds nothing is ``null``. Keys of objects are never templates.

A path is a root (``trigger``, ``nodes``, ``execution``, ``workflow``), then keys after dots and list
indices in brackets or after dots: ``trigger.payload.items[0].sku``.
"""

import re
from typing import Any, Final

import msgspec

from orchestrator_worker.domain.json_path import MISSING, find
from orchestrator_worker.domain.limits import MAX_DEPTH, MAX_VALUE_BYTES, encoded_size
from trigger_contracts.events import nesting

Scope = dict[str, Any]
"""Root → value."""

_OPEN: Final = "{{"
_CLOSE: Final = "}}"
_PATH: Final = re.compile(r"[^\s.\[\]{}]+(?:\.[^\s.\[\]{}]+|\[[0-9]+\])*")
_SEGMENT: Final = re.compile(r"[^.\[\]]+")
_QUOTED_LENGTH: Final = 80


class TemplateError(Exception):
    """A template that cannot be rendered; the text says where and why."""


class ValueTooLargeError(Exception):
    """A rendered value is larger, or nests deeper, than an execution may carry on."""


def render(template: Any, *, scope: Scope) -> Any:
    """Return the rendered template. Raises ``TemplateError`` or ``ValueTooLargeError``.

    Found values are shared, not copied. The work is bounded by the size of the result, and that is
    bounded while it grows: a list of a thousand references to one large value is refused, not built.
    """
    value = _Rendering(scope).value(template, depth=0)
    if nesting(value) > MAX_DEPTH:
        raise ValueTooLargeError(f"the value nests deeper than {MAX_DEPTH} levels")
    if encoded_size(value) > MAX_VALUE_BYTES:
        raise ValueTooLargeError(f"the value is larger than {MAX_VALUE_BYTES} bytes as JSON")
    return value


class _Rendering:
    """One rendering: what has been found so far counts against the limit."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._left = MAX_VALUE_BYTES

    def value(self, template: Any, *, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise ValueTooLargeError(f"the template nests deeper than {MAX_DEPTH} levels")
        if isinstance(template, str):
            return self._string(template)
        if isinstance(template, dict):
            return {key: self.value(item, depth=depth + 1) for key, item in template.items()}
        if isinstance(template, list):
            return [self.value(item, depth=depth + 1) for item in template]
        return template

    def _string(self, template: str) -> Any:
        start = template.find(_OPEN)
        if start < 0:
            return template
        parts: list[str] = []
        position = 0
        while start >= 0:
            end = template.find(_CLOSE, start + len(_OPEN))
            if end < 0:
                raise TemplateError(f"'{{{{' without '}}}}' in {_quoted(template[start:])}")
            found = self._find(template[start + len(_OPEN) : end])
            if start == 0 and end + len(_CLOSE) == len(template):
                return found
            parts += [template[position:start], _text(found)]
            position = end + len(_CLOSE)
            start = template.find(_OPEN, position)
        return "".join([*parts, template[position:]])

    def _find(self, expression: str) -> Any:
        path = parse_path(expression)
        if path[0] not in self._scope:
            known = ", ".join(sorted(self._scope))
            raise TemplateError(f"{_quoted(expression.strip())}: a path begins with one of {known}")
        found = find(self._scope, path=path)
        if found is MISSING:
            return None
        self._left -= encoded_size(found)
        if self._left < 0:
            raise ValueTooLargeError(f"the value is larger than {MAX_VALUE_BYTES} bytes as JSON")
        return found


def parse_path(expression: str) -> tuple[str, ...]:
    """Return the segments of what stands between the braces. Raises ``TemplateError``."""
    text = expression.strip()
    if not text:
        raise TemplateError("an empty path: '{{ }}'")
    if _PATH.fullmatch(text) is None:
        raise TemplateError(f"{_quoted(text)} is not a path such as trigger.payload.items[0].name")
    return tuple(_SEGMENT.findall(text))


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _quoted(text: str) -> str:
    return repr(text if len(text) <= _QUOTED_LENGTH else f"{text[:_QUOTED_LENGTH]}…")
