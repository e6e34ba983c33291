"""From cron to the calendars of a Temporal schedule, as plain data.

No cron string is sent to Temporal: it requires both day fields where classical cron takes either, reads
``#`` as a comment and a sixth field as the year. Calendars leave nothing to interpretation.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from trigger_cron.cron import Cron


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


_SECOND_ZERO: Final[Ranges] = (Range(0, 0, 1),)
_EVERY_DAY_OF_MONTH: Final[Ranges] = (Range(1, 31, 1),)
_EVERY_DAY_OF_WEEK: Final[Ranges] = (Range(0, 6, 1),)


def compile_calendars(cron: Cron) -> tuple[Calendar, ...]:
    """Return the calendars whose union is what ``cron`` means: one, or two where either day field suffices.

    Temporal fires once at a second that both match.
    """
    days_of_month = _ranges(cron.days_of_month)
    days_of_week = _ranges(cron.days_of_week)
    days = [(days_of_month, days_of_week)]
    if cron.either_day:
        days = [(days_of_month, _EVERY_DAY_OF_WEEK), (_EVERY_DAY_OF_MONTH, days_of_week)]
    return tuple(
        Calendar(
            second=_SECOND_ZERO,
            minute=_ranges(cron.minutes),
            hour=_ranges(cron.hours),
            day_of_month=day_of_month,
            month=_ranges(cron.months),
            day_of_week=day_of_week,
        )
        for day_of_month, day_of_week in days
    )


def values(ranges: Ranges) -> frozenset[int]:
    """Return what is in any of the ranges."""
    return frozenset(value for item in ranges for value in range(item.start, item.end + 1, item.step))


def _ranges(values: Sequence[int]) -> Ranges:
    """Fold sorted values, from the left, into the longest runs with one step.

    Two values make a run only when they are neighbours: ``1,15`` stays two single days.
    """
    ranges: list[Range] = []
    first = 0
    while first < len(values):
        last = _end_of_run(values, first=first)
        step = values[first + 1] - values[first] if last > first else 1
        if last == first + 1 and step > 1:
            last, step = first, 1
        ranges.append(Range(values[first], values[last], step))
        first = last + 1
    return tuple(ranges)


def _end_of_run(values: Sequence[int], *, first: int) -> int:
    last = first
    while last + 1 < len(values) and values[last + 1] - values[last] == values[first + 1] - values[first]:
        last += 1
    return last
