"""Checks: what decides whether something starts a run, one by one."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum
from functools import partial
from typing import Any, Final

import msgspec

from trigger_expressions import EvaluationError, Expression, is_equal_at, value_of
from trigger_paths import Missing


class Outcome(StrEnum):
    """What a check says."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_ASKED = "not_asked"
    """The trigger has no such option, or nothing could be asked."""


# A Struct and not a dataclass: thousands are made for one event.
class Check(msgspec.Struct, frozen=True, kw_only=True):
    """``name`` is that of the option; ``path`` says which filter. ``actual`` is unset where there is nothing.

    ``error`` says why a condition could say nothing: then its check has failed.
    """

    name: str
    outcome: Outcome
    path: str | None = None
    expected: Any = msgspec.UNSET
    actual: Any = msgspec.UNSET
    error: str | None = None


Asked = Callable[[], Check]
"""A check that has not been asked yet."""

EXPRESSION: Final = "expression"
FILTER: Final = "filter"


def first_failure(checks: Iterable[Asked]) -> Check | None:
    """Ask one check after another; return the first that fails, and ask no more. ``None``: it runs."""
    for ask in checks:
        check = ask()
        if check.outcome is Outcome.FAILED:
            return check
    return None


def all_checks(checks: Iterable[Asked]) -> tuple[Check, ...]:
    """Ask all of them, for a person who wants to see each. It runs where none has failed."""
    return tuple([ask() for ask in checks])


def compared(name: str, *, expected: Any, actual: Any, is_right: bool) -> Check:
    """Return the check of a value."""
    outcome = Outcome.PASSED if is_right else Outcome.FAILED
    return Check(name=name, outcome=outcome, expected=expected, actual=actual)


def not_asked(name: str) -> Check:
    """Return the check of an option that the trigger has not."""
    return Check(name=name, outcome=Outcome.NOT_ASKED)


def selection(
    document: Mapping[str, Any], *, filters: Mapping[str, Any], condition: Expression | None
) -> Iterator[Asked]:
    """Yield the checks of filters and condition, in the order in which they are asked."""
    for path, expected in filters.items():
        yield partial(_filter, document, path=path, expected=expected)
    yield partial(_condition, document, condition=condition)


def _filter(document: Mapping[str, Any], *, path: str, expected: Any) -> Check:
    is_right = is_equal_at(document, path=path, expected=expected)
    actual = value_of(document, path=path)
    return Check(
        name=FILTER,
        outcome=Outcome.PASSED if is_right else Outcome.FAILED,
        path=path,
        expected=expected,
        actual=msgspec.UNSET if isinstance(actual, Missing) else actual,
    )


def _condition(document: Mapping[str, Any], *, condition: Expression | None) -> Check:
    if condition is None:
        return not_asked(EXPRESSION)
    try:
        holds = condition.holds(document)
    except EvaluationError as error:
        return Check(name=EXPRESSION, outcome=Outcome.FAILED, error=str(error))
    return compared(EXPRESSION, expected=True, actual=holds, is_right=holds)
