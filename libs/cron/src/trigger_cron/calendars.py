"""From cron to the calendars of a Temporal schedule, as plain data.

No cron string is sent to Temporal: it requires both day fields where classical cron takes either, reads
``#`` as a comment and a sixth field as the year. A calendar has one meaning.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final

from trigger_cron.cron import Cron
from trigger_cron.day_rules import DayPattern, month_lengths

FIRST_YEAR: Final = 2000
LAST_YEAR: Final = 2100
"""The years that a calendar of Temporal can name; it fires in no later one."""

_FEBRUARY: Final = 2


@dataclass(frozen=True, slots=True)
class Range:
    """``start``, ``start + step``, … up to and including ``end``, as ``temporalio.client.ScheduleRange``.

    Always written out: ``start <= end``, ``step >= 1``, ``end`` is itself a member.
    """

    start: int
    end: int
    step: int


Ranges = tuple[Range, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """Matches a second when every field does; field by field a ``temporalio.client.ScheduleCalendarSpec``."""

    second: Ranges
    minute: Ranges
    hour: Ranges
    day_of_month: Ranges
    month: Ranges
    day_of_week: Ranges
    """0-6, 0 is Sunday"""
    year: Ranges = ()
    """``FIRST_YEAR`` to ``LAST_YEAR``; empty is every year."""

    def has_date(self, day: date) -> bool:
        """Tell whether a date matches."""
        return (
            day.month in values(self.month)
            and day.day in values(self.day_of_month)
            and day.isoweekday() % 7 in values(self.day_of_week)
            and (not self.year or day.year in values(self.year))
        )


SECOND_ZERO: Final[Ranges] = (Range(0, 0, 1),)
EVERY_SECOND: Final[Ranges] = (Range(0, 59, 1),)
EVERY_MINUTE: Final[Ranges] = (Range(0, 59, 1),)
EVERY_HOUR: Final[Ranges] = (Range(0, 23, 1),)
EVERY_DAY_OF_WEEK: Final[Ranges] = (Range(0, 6, 1),)
_LEAP_YEARS: Final[Ranges] = (Range(2000, 2096, 4),)
# 2100 is not a leap year.
_COMMON_YEARS: Final[Ranges] = (
    *(Range(year, year + 96, 4) for year in (2001, 2002, 2003)),
    Range(2100, 2100, 1),
)


def compile_calendars(cron: Cron) -> tuple[Calendar, ...]:
    """Return the calendars whose union is what ``cron`` means.

    One for a plain expression and two where either day field suffices; up to four for each ``L`` or
    ``FRIL``, for the four lengths of months; eight for ``LW``. Temporal fires once at a second that
    several match.
    """
    minute, hour = ranges(cron.minutes), ranges(cron.hours)
    calendars = [
        Calendar(
            second=SECOND_ZERO,
            minute=minute,
            hour=hour,
            day_of_month=ranges(pattern.days),
            month=ranges(months),
            day_of_week=ranges(pattern.weekdays),
            year=years,
        )
        for pattern in cron.day_patterns
        for months, years in _months(pattern, named=cron.months)
    ]
    return tuple(dict.fromkeys(calendars))


def _months(pattern: DayPattern, *, named: Collection[int]) -> Iterator[tuple[Collection[int], Ranges]]:
    """Yield the months in which a pattern holds, with the years where those matter.

    They matter for February alone, whose length is that of its year.
    """
    months = [month for month in named if month_lengths(month) <= pattern.lengths]
    if months:
        yield months, ()
    if _FEBRUARY in named and len(only := month_lengths(_FEBRUARY) & pattern.lengths) == 1:
        yield (_FEBRUARY,), _LEAP_YEARS if 29 in only else _COMMON_YEARS


def values(ranges: Ranges) -> frozenset[int]:
    """Return what is in any of the ranges."""
    return frozenset(value for item in ranges for value in range(item.start, item.end + 1, item.step))


def ranges(values: Collection[int]) -> Ranges:
    """Fold values, from the smallest on, into the longest runs with one step.

    Two values make a run only when they are neighbours: ``1,15`` stays two single days.
    """
    ordered = sorted(values)
    runs: list[Range] = []
    first = 0
    while first < len(ordered):
        last = _end_of_run(ordered, first=first)
        step = ordered[first + 1] - ordered[first] if last > first else 1
        if last == first + 1 and step > 1:
            last, step = first, 1
        runs.append(Range(ordered[first], ordered[last], step))
        first = last + 1
    return tuple(runs)


def _end_of_run(values: list[int], *, first: int) -> int:
    last = first
    while last + 1 < len(values) and values[last + 1] - values[last] == values[first + 1] - values[first]:
        last += 1
    return last
