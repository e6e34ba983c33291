"""What an expression names, and what Temporal fires, about one change of a zone's clock."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from trigger_cron.calendars import Calendar, values
from trigger_cron.temporal_search import Timeline
from trigger_cron.zone_clock import Transition, ZoneClock

_SECOND: Final = timedelta(seconds=1)
_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)
_MARGIN: Final = 2 * _HOUR
"""Around the hours of a change. Temporal's delay reaches one hour further than the change itself."""


def window(transition: Transition, *, clock: ZoneClock) -> tuple[datetime, datetime]:
    """Return the wall times, from and before, between which Temporal may not do what is named.

    Those are few hours; but a midnight that is skipped counts as the day before when Temporal looks for
    weekdays, and that decides about its whole day.
    """
    walls = (transition.wall_before, transition.wall_after)
    midnight = transition.wall_after.replace(hour=0, minute=0, second=0)
    if not clock.shows(midnight):
        return midnight - _DAY, midnight + _DAY
    return min(walls) - _MARGIN, max(walls) + _MARGIN


def named(calendars: Sequence[Calendar], *, first: datetime, end: datetime) -> set[datetime]:
    """Return the wall times that the calendars name, whether or not the clock shows them."""
    days = [first.replace(hour=0, minute=0, second=0) + n * _DAY for n in range((end - first).days + 2)]
    return {
        wall
        for calendar in calendars
        for day in days
        if calendar.has_date(day)
        for hour in values(calendar.hour)
        if first - _HOUR < day + hour * _HOUR < end
        for minute in values(calendar.minute)
        for second in values(calendar.second)
        if first <= (wall := day.replace(hour=hour, minute=minute, second=second)) < end
    }


def fired(timeline: Timeline, *, first: datetime, end: datetime) -> Iterator[datetime]:
    """Yield the instants at which Temporal fires between two wall times, from and before."""
    clock = timeline.clock
    for instant in timeline.after(clock.instant(first) - _SECOND):
        if clock.wall(instant) >= end:
            return
        yield instant
