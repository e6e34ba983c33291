"""What fires when a zone's clock changes: what is named, what Temporal does, and the other policies.

With ``shift`` a skipped local time fires at the first moment after the gap, and a repeated one fires once.
With ``once`` a skipped one does not fire, and a repeated one fires once: where Temporal would fire it at both
passes or at neither, when the second one is over. Temporal has no such options (see ``temporal_search``). But
it can be corrected date by date: what is missing becomes a calendar of its own, and what is too much an
excluded one. Whether that works is not argued: the corrected calendars are computed for every change of the
zone up to the last year of Temporal.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from trigger_contracts.config import DstPolicy
from trigger_cron.calendars import EVERY_DAY_OF_WEEK, LAST_YEAR, Calendar, ranges, values
from trigger_cron.cron import TimetableError
from trigger_cron.temporal_search import Timeline
from trigger_cron.zone_clock import Transition, ZoneClock, zone_of

_SINCE: Final = datetime(2026, 1, 1)  # noqa: DTZ001 - instants are naive here
"""Schedules are not compiled for earlier changes of the clock."""
_UNTIL: Final = datetime(LAST_YEAR, 12, 31)  # noqa: DTZ001
_MOST_SEARCHES: Final = 100_000
"""For a fire in a calendar, about all changes of the clock together: some two seconds."""
_SECOND: Final = timedelta(seconds=1)
_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)
_MARGIN: Final = 2 * _HOUR
"""Around the hours of a change. Temporal's delay reaches one hour further than the change itself."""


def window(transition: Transition, *, clock: ZoneClock) -> tuple[datetime, datetime]:
    """Return the first wall time at which Temporal may differ from what is named, and the end.

    Those are few hours. But a skipped midnight counts as the day before when Temporal looks for weekdays, and
    that decides about its whole day.
    """
    wall_times = (transition.wall_before, transition.wall_after)
    midnight = transition.wall_after.replace(hour=0, minute=0, second=0)
    if not clock.shows(midnight):
        return midnight - _DAY, midnight + _DAY
    return min(wall_times) - _MARGIN, max(wall_times) + _MARGIN


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
    """Yield the instants at which Temporal fires, from one wall time to before another."""
    clock = timeline.clock
    for instant in timeline.after(clock.instant(first) - _SECOND):
        if clock.wall(instant) >= end:
            return
        yield instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrections:
    """What to add to the calendars and what to exclude."""

    added: tuple[Calendar, ...]
    excluded: tuple[Calendar, ...]


def changes(zone: str | ZoneInfo) -> bool:
    """Tell whether a zone's clock is ever changed again. Raises ``UnknownZoneError``."""
    return bool(_transitions(zone_of(zone)))


def corrections(
    by_clock: Sequence[Calendar], *, by_hour: Sequence[Calendar], zone: ZoneInfo, policy: DstPolicy
) -> Corrections:
    """Return what makes ``by_clock`` follow the policy, which is not ``LITERAL``.

    ``by_hour`` are calendars of every hour of the day: what they fire is right as it is.

    Raises ``TimetableError``.
    """
    clock = ZoneClock(zone)
    calendars = (*by_clock, *by_hour)
    expected: dict[Transition, set[datetime]] = {}
    missing: set[datetime] = set()
    surplus: set[datetime] = set()
    budget = _Budget(zone)
    for transition in _transitions(zone):
        first, end = window(transition, clock=clock)
        actual = budget.fired(calendars, clock=clock, first=first, end=end)
        wall_times = named(by_clock, first=first, end=end)
        instants = expected_by(policy, wall_times, actual=actual, transition=transition)
        instants |= budget.fired(by_hour, clock=clock, first=first, end=end)
        expected[transition] = instants
        missing |= {clock.wall(instant) for instant in instants - actual}
        too_many = {clock.wall(instant) for instant in actual - instants}
        surplus |= too_many
        if twice := too_many & {clock.wall(instant) for instant in instants}:
            raise TimetableError(
                f"{min(twice):%H:%M} comes twice when the clock of {zone} goes back, and a calendar cannot"
                " tell the second time from the first: dstPolicy 'once' fires it when both are over"
            )
    corrected = Corrections(added=tuple(_calendars(missing)), excluded=tuple(_calendars(surplus)))
    for transition, instants in expected.items():
        first, end = window(transition, clock=clock)
        actual = budget.fired(
            (*calendars, *corrected.added), clock=clock, first=first, end=end, excluded=corrected.excluded
        )
        if actual != instants:
            raise TimetableError(
                f"Temporal's calendars cannot express the policy '{policy}' for all of these times when the"
                f" clock of {zone} goes {'forward' if transition.after > transition.before else 'back'}"
            )
    return corrected


class _Budget:
    """What Temporal fires about changes of the clock, as long as that is not too much to compute."""

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
        """Return the instants from one wall time to before another. Raises ``TimetableError``."""
        days = [first + number * _DAY for number in range(-1, (end - first).days + 3)]
        near = [calendar for calendar in calendars if _may_fire(calendar, days=days)]
        timeline = Timeline(near, clock=clock, excluded=excluded)
        instants = set[datetime]()
        for instant in fired(timeline, first=first, end=end):
            instants.add(instant)
            self._searches += len(near)
            if self._searches > _MOST_SEARCHES:
                raise TimetableError(
                    f"too much fires when the clock changes in {self._zone}: use fewer expressions, or such"
                    " that fire less often"
                )
        return instants


def _may_fire(calendar: Calendar, *, days: Sequence[datetime]) -> bool:
    """Tell whether a calendar names any of these dates, whatever weekday Temporal takes it for."""
    months, of_month, years = values(calendar.month), values(calendar.day_of_month), values(calendar.year)
    return any(
        day.month in months and day.day in of_month and (not years or day.year in years) for day in days
    )


def expected_by(
    policy: DstPolicy, wall_times: Iterable[datetime], *, actual: Collection[datetime], transition: Transition
) -> set[datetime]:
    """Return the instants at which wall times must fire; of two passes, the one that Temporal has anyway."""
    is_once = policy is DstPolicy.ONCE
    instants = set()
    for wall in wall_times:
        before, after = wall - transition.before, wall - transition.after
        if before < transition.instant <= after:
            if is_once and (before in actual) == (after in actual):
                instants.add(transition.second_pass_over)
                continue
            instants.add(after if after in actual and before not in actual else before)
        elif before < transition.instant:
            instants.add(before)
        elif after >= transition.instant or not is_once:
            instants.add(max(after, transition.instant))
    return instants


@lru_cache(maxsize=128)
def _transitions(zone: ZoneInfo) -> tuple[Transition, ...]:
    return tuple(ZoneClock(zone).transitions(_SINCE, until=_UNTIL))


def _calendars(wall_times: Iterable[datetime]) -> Iterator[Calendar]:
    """Yield calendars of exactly these wall times: one for those that fall on the same days of some years."""
    minutes: defaultdict[tuple[datetime, int], set[int]] = defaultdict(set)
    for wall in wall_times:
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
