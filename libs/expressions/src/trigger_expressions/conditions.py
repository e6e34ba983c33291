"""Conditions on events and payloads, in CEL (the Common Expression Language), bounded.

The evaluator holds the interpreter's lock and has no budget. So what could take long is refused before it is
compiled (``cel_check``). Of an event it gets only what is at the paths that are read (``cel_paths``). Nothing
of an expression runs before an event is there.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import cel

from trigger_expressions.cel_check import Checked, UnboundedError, checked
from trigger_expressions.cel_paths import TooMuchToReadError, absent_part, values_at
from trigger_expressions.cel_patterns import MAX_WORK, work_of
from trigger_expressions.filters import payload_mistake
from trigger_expressions.subjects import EVENT, PAYLOAD, Subject
from trigger_paths import Path, format_path

MAX_LENGTH: Final = 1000
MAX_PATTERN_LENGTH: Final = 200

_FUNCTION_FAILED: Final = re.compile(r"Function '(?P<name>\w+)' error")
_PATTERN_ERROR: Final = re.compile(r".*\berror: (?P<reason>.+?)\.?(?: Check function arguments.*)?")
_FAILURES: Final[dict[type[Exception], str]] = {
    ZeroDivisionError: "it divides by zero",
    IndexError: "an index is outside of its list",
    TypeError: "a value is of another type than the expression needs",
}
"""What the evaluator raises for values, by class: its texts quote them."""
_FUNCTION_UNKNOWN: Final = re.compile(r"Undefined variable or function: '(?P<name>\w+)'")


class ExpressionError(ValueError):
    """The text cannot be a condition; the message says why."""


class EvaluationError(ValueError):
    """A condition can say nothing of an event; the message says why, and holds no value of the event."""


class Expression:
    """A compiled condition."""

    def __init__(self, text: str, *, subject: Subject = EVENT) -> None:
        """Compile. Raises ``ExpressionError`` for what cannot be compiled or has no bound.

        It takes more than ``problems_of`` allows: what an earlier release let in may hold for some events.
        """
        self._condition = _checked(text, subject=subject)
        self._program = _compiled(self._condition)
        # ``double`` is put in where a number may be whole or not.
        self._functions = self._condition.functions | {"double"}

    def holds(self, event: Mapping[str, Any]) -> bool:
        """Tell whether an event or a payload, as JSON, fulfils the condition. Raises ``EvaluationError``."""
        paths = self._condition.paths
        try:
            values = values_at(paths, event=event)
            result = self._program.execute(cel.Context(values))
        except TooMuchToReadError as error:
            raise EvaluationError(str(error)) from None
        except Exception as error:  # noqa: BLE001 - the evaluator raises whatever the values lead to
            missing = [absent_part(path, event=event) for path in paths if path.variable not in values]
            detail = f"there is no {', '.join(dict.fromkeys(missing))}" if missing else self._detail_of(error)
            raise EvaluationError(detail) from None
        if not isinstance(result, bool):
            raise EvaluationError(f"it is neither true nor false: {type(result).__name__}")
        return result

    def _detail_of(self, error: Exception) -> str:
        """Say what failed without the evaluator's words: they quote values of the event.

        A detail goes to logs and to the trigger's state, where no such value belongs.
        """
        text = _first_line(error)
        if text.startswith("No such overload"):
            return "a value is of another type than the expression needs"
        if (failed := _FUNCTION_FAILED.match(text)) and failed["name"] in self._functions:
            return f"{failed['name']}() cannot read its value"
        if (unknown := _FUNCTION_UNKNOWN.match(text)) and unknown["name"] in self._functions:
            return f"{unknown['name']}() does not work on a value of this type"
        if isinstance(error, KeyError):
            return "a computed key or index is not there"
        return _FAILURES.get(type(error), f"a value cannot be used: {type(error).__name__}")


def problems_of(text: str, *, subject: Subject = EVENT) -> tuple[str, ...]:
    """Return why a text cannot be a condition, or only for some of what it reads; nothing of it runs."""
    try:
        condition = _checked(text, subject=subject)
        if problems := (*condition.problems, *_path_problems(condition, subject=subject)):
            return problems
        _compiled(condition)
    except ExpressionError as error:
        return (str(error),)
    return ()


def paths_in(text: str, *, subject: Subject = EVENT) -> tuple[Path, ...]:
    """Return the fixed paths whose values a condition reads, inside of its subject.

    What only ``has()`` asks for is left out. Raises ``ExpressionError``.
    """
    return _read_paths(_checked(text, subject=subject))


def _read_paths(condition: Checked) -> tuple[Path, ...]:
    return tuple(tuple(map(str, path.steps)) for path in condition.paths if not path.asks_presence)


def _path_problems(condition: Checked, *, subject: Subject) -> tuple[str, ...]:
    """Return which values of a condition no payload has. An event may have attributes of any name."""
    if subject is not PAYLOAD:
        return ()
    read = [tuple(map(str, path.steps)) for path in condition.paths if path.steps]
    mistakes = [mistake for path in read if (mistake := payload_mistake(path)) is not None]
    return tuple(
        f"{one.reason[0].lower()}{one.reason[1:]}; write {format_path((subject.root, *one.instead))[:200]}"
        for one in mistakes
    )


def _checked(text: str, *, subject: Subject) -> Checked:
    if len(text) > MAX_LENGTH:
        raise ExpressionError(f"it is longer than {MAX_LENGTH} characters")
    try:
        return checked(text, subject=subject)
    except UnboundedError as error:
        raise ExpressionError(str(error)) from None


def _compiled(condition: Checked) -> Any:
    try:
        program = cel.compile(condition.text)
    except ValueError as error:
        raise ExpressionError(_first_line(error)) from None
    _require_patterns(condition.patterns)
    # The evaluator's own parser has the last word on what it would run: a text that the two read differently
    # is refused.
    called = {name for name in program.functions() if name.isidentifier()} - {"double", "type"}
    known = condition.variables | {path.variable for path in condition.paths} | {"double"}
    if not (called <= condition.functions and set(program.variables()) <= known):
        raise ExpressionError("it can be read in more than one way: write it more simply")
    return program


def _require_patterns(patterns: Sequence[str]) -> None:
    """Refuse patterns that take long to build, and one that the evaluator cannot build; only it can tell."""
    if any(len(quoted) > MAX_PATTERN_LENGTH for quoted in patterns):
        raise ExpressionError(f"a pattern has at most {MAX_PATTERN_LENGTH} characters")
    if sum(map(work_of, patterns)) > MAX_WORK:
        raise ExpressionError(
            "its patterns take too long to build: count less often, or write [a-z0-9] instead of \\w"
        )
    for quoted in patterns:
        try:
            cel.compile(f"''.matches({quoted})").execute(cel.Context({}))
        except Exception as error:  # noqa: BLE001 - the evaluator's own error is not public
            raise ExpressionError(
                f"{quoted} is not a pattern (RE2 syntax): {_pattern_error(error)}"
            ) from None


def _pattern_error(error: Exception) -> str:
    """Return what is wrong, without the evaluator's words around it."""
    text = _first_line(error)
    match = _PATTERN_ERROR.fullmatch(text)
    return text if match is None else match["reason"]


def _first_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
