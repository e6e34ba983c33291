"""Templates: any JSON value whose strings may hold ``{{ choice }}``, such as ``{{ path ?? "default" }}``.

A string that is one choice and nothing else becomes its value, of whatever type; inside a longer
string the value becomes text: strings as they are, ``null`` as nothing, all else as compact JSON.
A path that finds nothing is ``null``, and a choice is its first operand that is not ``null``. Keys
of objects are never templates.

Their syntax is in ``trigger_expressions``: it is checked when a workflow is saved.
"""

from typing import Any

import msgspec

from orchestrator_worker.domain.limits import MAX_DEPTH
from trigger_contracts.json_depth import nesting
from trigger_contracts.workflow_io import MAX_VALUE_BYTES, encoded_size
from trigger_expressions import Choice, Literal, parts
from trigger_paths import MISSING, value_at

Scope = dict[str, Any]
"""Root → value."""


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
    """One rendering: all values that it uses count against the limit."""

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
        pieces = parts(template)
        if len(pieces) == 1:
            (only,) = pieces
            return self._chosen(only) if isinstance(only, tuple) else only
        return "".join(part if isinstance(part, str) else _text(self._chosen(part)) for part in pieces)

    def _chosen(self, choice: Choice) -> Any:
        for operand in choice:
            value = operand.value if isinstance(operand, Literal) else value_at(self._scope, operand)
            if value is not MISSING and value is not None:
                return self._counted(value)
        return None

    def _counted(self, value: Any) -> Any:
        self._left -= encoded_size(value)
        if self._left < 0:
            raise ValueTooLargeError(f"the value is larger than {MAX_VALUE_BYTES} bytes as JSON")
        return value


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
