"""The policy ``shift``: as a person would have it when the clock changes, in calendars where they can say it.

A local time that is skipped fires at the first moment after the gap, and one that comes twice fires once.
Temporal has no such option, and does neither (see ``fires``). But it can be corrected date by date: what is
missing becomes a calendar of its own, and what is too much an excluded one. Whether the corrected calendars
do it is not argued but found out, by foretelling every change of the zone up to the last year of Temporal.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from trigger_cron.calendars import EVERY_DAY_OF_WEEK, LAST_YEAR, Calendar, ranges, values
from trigger_cron.clock_change import fired, named, window
from trigger_cron.cron import TimetableError
from trigger_cron.temporal_search import Timeline
from trigger_cron.zone_clock import Transition, ZoneClock

_SINCE: Final = datetime(2026, 1, 1)  # noqa: DTZ001 - instants are naive here
"""Earlier changes of the clock are history: schedules are not compiled for them."""
_UNTIL: Final = datetime(LAST_YEAR, 12, 31)  # noqa: DTZ001
_MOST_SEARCHES: Final = 100_000
"""For a fire in a calendar, about all changes of the clock together: some two seconds."""
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrections:
    """What to add to the calendars and what to exclude."""

    added: tuple[Calendar, ...]
    excluded: tuple[Calendar, ...]


def corrections(by_clock: Sequence[Calendar], *, by_hour: Sequence[Calendar], zone: ZoneInfo) -> Corrections:
    """Return what makes ``by_clock`` follow the policy.

    ``by_hour`` are calendars beside them that are meant by the hour: what they fire is right as it is.

    Raises ``TimetableError``.
    """
    clock = ZoneClock(zone)
    every = (*by_clock, *by_hour)
    meant: dict[Transition, set[datetime]] = {}
    missing: set[datetime] = set()
    surplus: set[datetime] = set()
    budget = _Budget(zone)
    for transition in _transitions(zone):
        first, end = window(transition, clock=clock)
        does = budget.fired(every, clock=clock, first=first, end=end)
        walls = named(by_clock, first=first, end=end)
        meant[transition] = shall = _shall(walls, does=does, transition=transition)
        shall |= budget.fired(by_hour, clock=clock, first=first, end=end)
        missing |= {clock.wall(instant) for instant in shall - does}
        surplus |= {clock.wall(instant) for instant in does - shall}
        if twice := {clock.wall(instant) for instant in does - shall} & {clock.wall(one) for one in shall}:
            raise TimetableError(
                f"{min(twice):%H:%M} comes twice on {_day(min(twice))} in {zone},"
                " and a calendar cannot tell the second time from the first"
            )
    found = Corrections(added=tuple(_calendars(missing)), excluded=tuple(_calendars(surplus)))
    for transition, shall in meant.items():
        first, end = window(transition, clock=clock)
        fires = budget.fired(
            (*every, *found.added), clock=clock, first=first, end=end, excluded=found.excluded
        )
        if fires != shall:
            raise TimetableError(
                f"what shall fire when the clock changes on {_day(transition.wall_before)} in {zone}"
                " cannot be said in Temporal's calendars"
            )
    return found


class _Budget:
    """What Temporal fires about changes of the clock, as long as that is not too much to be worked out."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        self._searches = 0

    def fired(
        self,
        calendars: Sequence[Calendar],
        *,
        clock: ZoneClock,
        first: datetime,
        end: datetime,
        excluded: Sequence[Calendar] = (),
    ) -> set[datetime]:
        """Return the instants between two wall times, from and before. Raises ``TimetableError``."""
        days = [first + number * _DAY for number in range(-1, (end - first).days + 3)]
        near = [calendar for calendar in calendars if _may_fire(calendar, days=days)]
        timeline = Timeline(near, clock=clock, excluded=excluded)
        found = set[datetime]()
        for instant in fired(timeline, first=first, end=end):
            found.add(instant)
            self._searches += len(near)
            if self._searches > _MOST_SEARCHES:
                raise TimetableError(
                    f"too much fires when the clock changes in {self._zone} to be worked out:"
                    " use fewer expressions"
                )
        return found


def _may_fire(calendar: Calendar, *, days: Sequence[datetime]) -> bool:
    """Tell whether a calendar names any of these dates, whatever weekday Temporal takes it for."""
    months, of_month, years = values(calendar.month), values(calendar.day_of_month), values(calendar.year)
    return any(
        day.month in months and day.day in of_month and (not years or day.year in years) for day in days
    )


def _shall(walls: Iterable[datetime], *, does: set[datetime], transition: Transition) -> set[datetime]:
    """Return the instants at which wall times shall fire; of two passes, the one that Temporal has anyway."""
    found = set()
    for wall in walls:
        before, after = wall - transition.before, wall - transition.after
        if before < transition.instant <= after:
            found.add(after if after in does and before not in does else before)
        elif before < transition.instant:
            found.add(before)
        else:
            found.add(max(after, transition.instant))
    return found


@lru_cache(maxsize=128)
def _transitions(zone: ZoneInfo) -> tuple[Transition, ...]:
    return tuple(ZoneClock(zone).transitions(_SINCE, until=_UNTIL))


def _calendars(walls: Iterable[datetime]) -> Iterator[Calendar]:
    """Yield calendars of exactly these wall times: one for those that fall on the same days of some years."""
    minutes: defaultdict[tuple[datetime, int], set[int]] = defaultdict(set)
    for wall in walls:
        minutes[wall.replace(minute=0, second=0), wall.second].add(wall.minute)
    years: defaultdict[tuple[int, int, int, int, tuple[int, ...]], set[int]] = defaultdict(set)
    for (hour, second), named_minutes in minutes.items():
        years[hour.month, hour.day, hour.hour, second, tuple(sorted(named_minutes))].add(hour.year)
    for (month, day, hour_of_day, second, of_hour), of_day in sorted(years.items()):
        yield Calendar(
            second=ranges([second]),
            minute=ranges(of_hour),
            hour=ranges([hour_of_day]),
            day_of_month=ranges([day]),
            month=ranges([month]),
            day_of_week=EVERY_DAY_OF_WEEK,
            year=ranges(of_day),
        )


def _day(wall: datetime) -> str:
    return f"{wall.day} {wall:%B %Y}"
