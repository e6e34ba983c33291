"""Conditions on events, in CEL (the Common Expression Language), bounded.

The evaluator holds the interpreter's lock and has no budget, so what could take long is refused when
an expression is compiled: everything that is left is linear in the expression and in what it touches.
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
    """One event, made ready once for any number of conditions."""

    def __init__(self, event: Mapping[str, Any]) -> None:
        self.context = cel.Context({"event": dict(event)})


class Expression:
    """A compiled condition."""

    def __init__(self, text: str) -> None:
        """Compile. Raises ``ExpressionError``."""
        self._program = _compiled(text)

    def holds(self, facts: EventContext) -> bool:
        """Tell whether the event fulfils the condition. One that cannot be told does not hold."""
        return _result(self._program, facts=facts) is True


def _compiled(text: str) -> Any:
    if len(text) > MAX_LENGTH:
        raise ExpressionError(f"it is longer than {MAX_LENGTH} characters")
    if _LONG_TEXT.search(text):
        raise ExpressionError("texts in three quotes are not supported")
    if found := _COMPREHENSION.search(_TEXT.sub('""', text)):
        raise ExpressionError(f"{found.group(1)}() is not supported: it has no bound")
    try:
        program = cel.compile(text)
    except ValueError as error:
        raise ExpressionError(_first_line(error)) from None
    # Tried once on an event without data: an unknown name or a result that is no yes or no shows at once.
    result = _result(program, facts=EventContext(_SAMPLE))
    if isinstance(result, RuntimeError) and _UNDEFINED in str(result):
        raise ExpressionError(_first_line(result))
    if not isinstance(result, bool | Exception):
        raise ExpressionError("it has to be a condition, true or false")
    return program


def _result(program: Any, *, facts: EventContext) -> Any:
    try:
        return program.execute(facts.context)
    except Exception as error:  # noqa: BLE001 - the evaluator raises whatever the event's values lead to
        return error


def _first_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]


_SAMPLE: Final[Mapping[str, Any]] = {"specversion": "1.0", "id": "1", "source": "/", "type": "t", "data": {}}
