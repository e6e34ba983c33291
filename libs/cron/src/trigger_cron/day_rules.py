"""Days that a list of numbers cannot name: the last one, the nearest workday, the nth or last of a weekday.

Each of them is a few *patterns*, and a pattern is what a calendar can express: months of some lengths, days,
and weekdays. A table of years is not needed. What the weekday of a date decides (is the 15th a Saturday?), a
pattern asks of the weekday itself; only the length of February makes a difference between years.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

LENGTHS: Final = frozenset({28, 29, 30, 31})
"""Days that a month can have."""

_LENGTHS_OF: Final = tuple(map(frozenset, ({31}, {28, 29}, *({31}, {30}) * 2, {31}, *({31}, {30}) * 2, {31})))

ALL_DAYS: Final = frozenset(range(1, 32))
ALL_WEEKDAYS: Final = frozenset(range(7))
WORKDAYS: Final = frozenset(range(1, 6))
_MONDAY: Final = frozenset({1})
_FRIDAY: Final = frozenset({5})
_WEEK: Final = 7


class DayRuleKind(StrEnum):
    """The forms of Quartz that are understood."""

    LAST_DAY = "L"
    LAST_WORKDAY = "LW"
    NEAREST_WORKDAY = "nW"
    NTH_WEEKDAY = "n#k"
    LAST_WEEKDAY = "nL"


@dataclass(frozen=True, slots=True, order=True)
class DayRule:
    """One such form; what its kind does not use is 0."""

    kind: DayRuleKind
    day: int = 0
    """1-31, of the nearest workday: the day that it is nearest to."""
    weekday: int = 0
    """0-6, 0 is Sunday."""
    nth: int = 0
    """1-5."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DayPattern:
    """The dates in a month of one of ``lengths`` whose day and whose weekday are both named."""

    lengths: frozenset[int] = LENGTHS
    days: frozenset[int] = ALL_DAYS
    weekdays: frozenset[int] = ALL_WEEKDAYS

    def within(self, other: "DayPattern") -> "DayPattern | None":
        """Return the dates of both patterns; ``None`` where they share no date."""
        both = DayPattern(
            lengths=self.lengths & other.lengths,
            days=self.days & other.days,
            weekdays=self.weekdays & other.weekdays,
        )
        return both if both.lengths and both.days and both.weekdays else None

    def days_in(self, length: int) -> Iterable[int]:
        """Return the days that a month of this length has, whatever their weekday."""
        return (day for day in self.days if day <= length) if length in self.lengths else ()


def month_lengths(month: int) -> frozenset[int]:
    """Return the numbers of days that a month can have; ``month`` is 1-12."""
    return _LENGTHS_OF[month - 1]


def patterns_of(rule: DayRule) -> tuple[DayPattern, ...]:
    """Return the patterns whose union is the rule.

    The rules of Quartz's ``CronExpression`` (2.3), with one difference: the 31st's nearest workday is in
    no month that has no 31st, as the 31st itself.
    """
    match rule.kind:
        case DayRuleKind.LAST_DAY:
            return tuple(_at(length, days=(length,)) for length in sorted(LENGTHS))
        case DayRuleKind.LAST_WORKDAY:
            return tuple(pattern for length in sorted(LENGTHS) for pattern in _last_workday(length))
        case DayRuleKind.NEAREST_WORKDAY:
            return _nearest_workday(rule.day)
        case DayRuleKind.NTH_WEEKDAY:
            first = _WEEK * (rule.nth - 1) + 1
            days = frozenset(range(first, first + _WEEK)) & ALL_DAYS
            return (DayPattern(days=days, weekdays=frozenset({rule.weekday})),)
        case DayRuleKind.LAST_WEEKDAY:
            return tuple(
                _at(length, days=range(length - _WEEK + 1, length + 1), weekdays=frozenset({rule.weekday}))
                for length in sorted(LENGTHS)
            )


def _at(length: int, *, days: Iterable[int], weekdays: frozenset[int] = ALL_WEEKDAYS) -> DayPattern:
    return DayPattern(lengths=frozenset({length}), days=frozenset(days), weekdays=weekdays)


def _last_workday(length: int) -> tuple[DayPattern, ...]:
    """Return the last day, or the Friday before it where that is on a weekend."""
    return (
        _at(length, days=(length,), weekdays=WORKDAYS),
        _at(length, days=(length - 2, length - 1), weekdays=_FRIDAY),
    )


def _nearest_workday(day: int) -> tuple[DayPattern, ...]:
    """Return the day, or the Friday before a Saturday, or the Monday after a Sunday, in the same month."""
    there = frozenset(length for length in LENGTHS if length >= day)
    itself = DayPattern(lengths=there, days=frozenset({day}), weekdays=WORKDAYS)
    if day == 1:
        return (itself, DayPattern(lengths=there, days=frozenset({2, 3}), weekdays=_MONDAY))
    patterns = [itself, DayPattern(lengths=there, days=frozenset({day - 1}), weekdays=_FRIDAY)]
    if longer := there - {day}:
        patterns.append(DayPattern(lengths=longer, days=frozenset({day + 1}), weekdays=_MONDAY))
    if day in there:
        # A Sunday at the month's end: its Monday is in the next month.
        patterns.append(_at(day, days=(day - 2,), weekdays=_FRIDAY))
    return tuple(patterns)
