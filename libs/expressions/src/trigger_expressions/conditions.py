"""Conditions on events, in CEL (the Common Expression Language), bounded.

The evaluator holds the interpreter's lock and has no budget. So what could take long is refused before it is
compiled (``cel_check``): all else is linear in the expression and in the values that it reads. Nothing of an
expression runs before an event is there.
"""

from collections.abc import Mapping
from typing import Any, Final

import cel

from trigger_expressions.cel_check import Checked, UnboundedError, checked

MAX_LENGTH: Final = 1000
_VARIABLES: Final = frozenset({"event"})


class ExpressionError(ValueError):
    """The text cannot be a condition; the message says why."""


class EventContext:
    """One event, converted once for any number of conditions."""

    def __init__(self, event: Mapping[str, Any]) -> None:
        self.context = cel.Context({"event": dict(event)})


class Expression:
    """A compiled condition."""

    def __init__(self, text: str) -> None:
        """Compile. Raises ``ExpressionError`` for what cannot be compiled or has no bound.

        It takes more than ``problems_of`` allows: what an earlier release let in may hold for some events.
        """
        condition = _checked(text)
        self._program = _compiled(condition)

    def holds(self, event: EventContext) -> bool:
        """Tell whether the event fulfils the condition. One that cannot be evaluated does not hold."""
        return _result(self._program, event=event) is True


def problems_of(text: str) -> tuple[str, ...]:
    """Return why a text cannot be a condition, or only for some events; nothing of it runs."""
    try:
        condition = _checked(text)
        _compiled(condition)
    except ExpressionError as error:
        return (str(error),)
    return condition.problems


def _checked(text: str) -> Checked:
    if len(text) > MAX_LENGTH:
        raise ExpressionError(f"it is longer than {MAX_LENGTH} characters")
    try:
        return checked(text, variables=_VARIABLES)
    except UnboundedError as error:
        raise ExpressionError(str(error)) from None


def _compiled(condition: Checked) -> Any:
    try:
        program = cel.compile(condition.text)
    except ValueError as error:
        raise ExpressionError(_first_line(error)) from None
    for pattern in condition.patterns:
        _require_pattern(pattern)
    # The evaluator's own parser has the last word on what it would run: a text that the two read differently
    # is refused.
    called = {name for name in program.functions() if name.isidentifier()} - {"double", "type"}
    if not (called <= condition.functions and set(program.variables()) <= condition.variables | {"double"}):
        raise ExpressionError("it can be read in more than one way: write it more simply")
    return program


def _require_pattern(quoted: str) -> None:
    """Refuse a pattern that the evaluator could not build; only it can tell."""
    result = _result(cel.compile(f"''.matches({quoted})"), event=EventContext({}))
    if isinstance(result, Exception):
        raise ExpressionError(f"{quoted} is not a pattern (RE2 syntax): {_first_line(result)}")


def _result(program: Any, *, event: EventContext) -> Any:
    try:
        return program.execute(event.context)
    except Exception as error:  # noqa: BLE001 - the evaluator raises whatever the event's values lead to
        return error


def _first_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
