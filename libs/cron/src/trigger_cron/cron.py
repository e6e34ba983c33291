"""What a cron expression means."""

from calendar import isleap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache
from itertools import pairwise
from typing import Final

from trigger_cron.day_rules import DayPattern, DayRule, month_lengths, patterns_of

QUIET_YEARS: Final = 8
"""An expression that is silent for so many whole years is refused as a mistake. 29 February is not."""

_Kind = tuple[int, bool]
"""What a year's calendar depends on: the weekday it begins with, and whether it is a leap year."""
_Month = tuple[int, int, int]
"""A month, its length, and the weekday (0 is Sunday) of the day before its first."""

_CYCLE: Final = range(2000, 2400)
"""The Gregorian calendar repeats after 400 years, weekdays included."""


class CronError(ValueError):
    """An expression that is not accepted.

    ``reason`` is for the author of the expression; ``position`` is the 0-based offset of
    the character (for something that is missing: of the place) that it is about.
    """

    def __init__(self, reason: str, position: int) -> None:
        super().__init__(reason, position)
        self.reason = reason
        self.position = position

    def __str__(self) -> str:
        return f"{self.reason} (at position {self.position})"


class TimetableError(ValueError):
    """Valid expressions and options that Temporal's calendars cannot express together.

    ``reason`` is for their author.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class ExclusionError(TimetableError):
    """So much is excluded that Temporal takes too long to find the next fire."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cron:
    """The wall-clock minutes that an expression names; each field is sorted.

    Expressions that mean the same, such as ``@daily`` and ``0 0 * * *``, are equal. Only the days can be
    empty, where a field has nothing but rules (``L``).
    """

    minutes: tuple[int, ...]
    """0-59"""
    hours: tuple[int, ...]
    """0-23"""
    days_of_month: tuple[int, ...]
    """1-31"""
    months: tuple[int, ...]
    """1-12"""
    days_of_week: tuple[int, ...]
    """0-6, 0 is Sunday"""
    day_of_month_restricted: bool
    day_of_week_restricted: bool
    rules_of_month: tuple[DayRule, ...] = ()
    """What the day of month names besides numbers: ``L``, ``LW``, ``15W``."""
    rules_of_week: tuple[DayRule, ...] = ()
    """What the day of week names besides days: ``FRI#3``, ``FRIL``."""

    @property
    def either_day(self) -> bool:
        """Whether a day matches when *one* of the two day fields does, instead of both.

        So it is when both are restricted. A field is unrestricted when it starts with ``*`` (or is ``?``),
        hence ``0 0 */2 * MON`` means the Mondays that are odd days: the rule of Vixie cron, as Debian's
        crontab(5) writes it ("if both fields are restricted (i.e., don't start with *)").
        """
        return self.day_of_month_restricted and self.day_of_week_restricted

    @property
    def day_patterns(self) -> tuple[DayPattern, ...]:
        """The patterns whose union is the days that match, in those of the months that it names."""
        of_month = [
            *([DayPattern(days=frozenset(self.days_of_month))] if self.days_of_month else []),
            *(pattern for rule in self.rules_of_month for pattern in patterns_of(rule)),
        ]
        of_week = [
            *([DayPattern(weekdays=frozenset(self.days_of_week))] if self.days_of_week else []),
            *(pattern for rule in self.rules_of_week for pattern in patterns_of(rule)),
        ]
        if self.either_day:
            return (*of_month, *of_week)
        both = (one.within(other) for one in of_month for other in of_week)
        return tuple(pattern for pattern in both if pattern is not None)

    @property
    def has_dates(self) -> bool:
        """Whether any date of the Gregorian calendar matches."""
        patterns = self.day_patterns
        return any(
            any(pattern.days_in(length))
            for month in self.months
            for length in month_lengths(month)
            for pattern in patterns
        )

    @property
    def fires_often_enough(self) -> bool:
        """Whether some date matches in any ``QUIET_YEARS`` consecutive years.

        Asked of the calendar and not of the clock, so that an expression that was accepted once stays so.
        """
        patterns = self.day_patterns
        matches = {
            kind: self._matches_in(months, patterns=patterns) for kind, months in _months_by_kind().items()
        }
        if all(matches.values()):
            return True
        quiet = 0
        for kind in _kinds_in_order():
            quiet = 0 if matches[kind] else quiet + 1
            if quiet == QUIET_YEARS:
                return False
        return True

    def _matches_in(self, months: Iterable[_Month], *, patterns: Iterable[DayPattern]) -> bool:
        return any(
            (first + day) % 7 in pattern.weekdays
            for month, length, first in months
            if month in self.months
            for pattern in patterns
            for day in pattern.days_in(length)
        )


def _kind_of(year: int) -> _Kind:
    return date(year, 1, 1).isoweekday(), isleap(year)


@cache
def _kinds_in_order() -> tuple[_Kind, ...]:
    """Return the kinds of the years of the cycle, and of the next few, for a silence over its end."""
    return tuple(_kind_of(year) for year in (*_CYCLE, *_CYCLE[:QUIET_YEARS]))


@cache
def _months_by_kind() -> dict[_Kind, tuple[_Month, ...]]:
    return {kind: tuple(_months_of(year)) for kind, year in {_kind_of(year): year for year in _CYCLE}.items()}


def _months_of(year: int) -> Iterator[_Month]:
    starts = [*(date(year, month, 1) for month in range(1, 13)), date(year + 1, 1, 1)]
    for start, end in pairwise(starts):
        yield start.month, (end - start).days, (start.isoweekday() - 1) % 7
