"""Conditions on events, in CEL (the Common Expression Language), bounded.

The evaluator holds the interpreter's lock and has no budget. So what could take long is refused when an
expression is compiled: all else is linear in the expression and in the values that it reads.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

import cel

MAX_LENGTH: Final = 1000

_COMPREHENSION: Final = re.compile(r"\.\s*(map|filter|all|exists|exists_one|existsOne|transform\w*)\s*\(")
_TEXT: Final = re.compile(r"""[rR]?("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')""")
_LONG_TEXT: Final = re.compile(r'"""|' + r"'''")
_UNDEFINED: Final = "Undefined variable or function"


class ExpressionError(ValueError):
    """The text cannot be a condition; the message says why."""


class EventContext:
    """One event, converted once for any number of conditions."""

    def __init__(self, event: Mapping[str, Any]) -> None:
        self.context = cel.Context({"event": dict(event)})


class Expression:
    """A compiled condition."""

    def __init__(self, text: str) -> None:
        """Compile. Raises ``ExpressionError``."""
        self._program = _compiled(text)

    def holds(self, event: EventContext) -> bool:
        """Tell whether the event fulfils the condition. One that cannot be evaluated does not hold."""
        return _result(self._program, event=event) is True


def _compiled(text: str) -> Any:
    if len(text) > MAX_LENGTH:
        raise ExpressionError(f"it is longer than {MAX_LENGTH} characters")
    if _LONG_TEXT.search(text):
        raise ExpressionError("texts in three quotes are not supported")
    if comprehension := _COMPREHENSION.search(_TEXT.sub('""', text)):
        raise ExpressionError(f"{comprehension.group(1)}() is not supported: it has no bound")
    try:
        program = cel.compile(text)
    except ValueError as error:
        raise ExpressionError(_first_line(error)) from None
    # Tried once on an event without data: this shows an unknown name, or a result that is not true or false.
    result = _result(program, event=EventContext(_SAMPLE))
    if isinstance(result, RuntimeError) and _UNDEFINED in str(result):
        raise ExpressionError(_first_line(result))
    if not isinstance(result, bool | Exception):
        raise ExpressionError("a condition is true or false, for example event.data.total > 100")
    return program


def _result(program: Any, *, event: EventContext) -> Any:
    try:
        return program.execute(event.context)
    except Exception as error:  # noqa: BLE001 - the evaluator raises whatever the event's values lead to
        return error


def _first_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]


_SAMPLE: Final[Mapping[str, Any]] = {"specversion": "1.0", "id": "1", "source": "/", "type": "t", "data": {}}
