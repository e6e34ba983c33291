"""Whether the server can pass over what is excluded, in the time that it has."""

from collections.abc import Collection, Sequence
from datetime import date, timedelta
from typing import Final

from trigger_cron.calendars import Calendar, values
from trigger_cron.cron import ExclusionError

MAX_PASSED_OVER: Final = 550_000
"""Fires on excluded dates, one after the other, times the calendars in which each is looked for.

To find the next fire the server goes through the excluded ones before it, one by one: a schedule of each
minute with a year of excluded dates takes it 0.2 s each time, and it is asked at each look. With ten
expressions of many calendars it was 53 s, in which creating the schedule timed out; with 66 calendars its
own workflow took too long for one step, and failed, again and again (measured on 1.32).
"""

_DAY: Final = timedelta(days=1)
_LOOKED_AT: Final = 62
"""Days between two excluded dates that are looked at. Where none of so many fires, it is as if none did."""


def check_exclusions(dates: Collection[date], *, calendars: Sequence[Calendar]) -> None:
    """Raise ``ExclusionError`` where the longest run of excluded fires is too long."""
    minutes = _most_minutes(calendars)
    if len(dates) * minutes * len(calendars) <= MAX_PASSED_OVER:
        return
    if (longest := _longest_run(dates, calendars=calendars)) * minutes * len(calendars) > MAX_PASSED_OVER:
        raise ExclusionError(
            f"{longest} excluded dates in a row, with up to {minutes} fires each, are too much to be passed"
            f" over in {len(calendars)} calendars: use fewer dates, or expressions that fire less often"
        )


def _most_minutes(calendars: Sequence[Calendar]) -> int:
    """Return how many minutes of a day any of the calendars names."""
    return len(
        {
            (hour, minute)
            for calendar in calendars
            for hour in values(calendar.hour)
            for minute in values(calendar.minute)
        }
    )


def _longest_run(dates: Collection[date], *, calendars: Sequence[Calendar]) -> int:
    """Return how many dates follow each other, with nothing between them that fires."""
    months = frozenset[int]().union(*(values(calendar.month) for calendar in calendars))
    longest = run = 0
    before: date | None = None
    for day in sorted(dates):
        run = run + 1 if before is None or not _fires_between(before, day, calendars, months) else 1
        longest, before = max(longest, run), day
    return longest


def _fires_between(before: date, after: date, calendars: Sequence[Calendar], months: frozenset[int]) -> bool:
    day, looked_at = before + _DAY, 0
    while day < after and looked_at < _LOOKED_AT:
        if day.month in months:
            looked_at += 1
            if any(calendar.has_date(day) for calendar in calendars):
                return True
        day += _DAY
    return False
