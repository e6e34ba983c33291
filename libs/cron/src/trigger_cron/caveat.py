"""What its author must know about a schedule: changes of the clock, and months that lack the day."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from trigger_contracts.config import DstPolicy
from trigger_cron.calendars import Calendar, compile_calendars, values
from trigger_cron.clock_changes import fired, named, window
from trigger_cron.cron import Cron
from trigger_cron.day_rules import DayRule, DayRuleKind, patterns_of
from trigger_cron.temporal_search import Timeline
from trigger_cron.timetable import Timetable
from trigger_cron.zone_clock import Transition, ZoneClock, zone_of

HORIZON: Final = timedelta(days=2 * 366)
"""Caveats cover so much time from ``now`` on."""

_DAY: Final = timedelta(days=1)

_HOURS_A_DAY: Final = 24
_SHORTEST_MONTH: Final = 28
_LEAP_DAY: Final = 29
_WEEKDAYS: Final = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_SHOWN: Final = 3
"""Times that a message lists one by one."""


class CaveatKind(StrEnum):
    """What happens to the caveat's times."""

    SKIPPED = "skipped"
    """A local time that the expression names does not fire."""
    REPEATED = "repeated"
    """A local time that the expression names fires twice."""
    EXTRA = "extra"
    """A local time that the expression does not name fires."""
    SHIFTED = "shifted"
    """A local time that the clock skips fires later, by the policy ``shift``."""
    MISSING_DAY = "missing_day"
    """A month lacks the day."""


_VERBS: Final = {
    CaveatKind.SKIPPED: ("is skipped", "are skipped"),
    CaveatKind.REPEATED: ("fires twice", "fire twice"),
    CaveatKind.EXTRA: ("fires too, without being named", "fire too, without being named"),
    CaveatKind.SHIFTED: ("fires when the gap is over", "fire once, when the gap is over"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Caveat:
    """One thing to know. ``message`` is for the author of the expression."""

    kind: CaveatKind
    date: date
    """Of the zone; for a missing day the last day of the first month that lacks it."""
    local_time: time | None
    """The first such time of that date, by the zone's clock; ``None`` for a missing day."""
    count: int
    """Such times on that date; for a missing day, such months before the horizon."""
    message: str


def caveats(
    cron: Cron, *, zone: str | ZoneInfo, now: datetime, dst_policy: DstPolicy = DstPolicy.LITERAL
) -> tuple[Caveat, ...]:
    """Return the caveats from ``now`` to ``HORIZON`` later, by date.

    At a change of the clock, what Temporal fires (``fire_times``) is compared with the times that the
    expression names. An expression for every hour of the day goes by the hour and not by the clock: an hour
    that is missing or comes twice is not a caveat there. A day of the month is not missed where the day
    before it is named as well: ``28-31`` runs to the end of any month. With the policy ``SHIFT``, which
    ``compile_timetable`` has accepted, only what is shifted is a caveat.

    Raises ``ValueError`` for a ``now`` without a time zone, and ``UnknownZoneError``.
    """
    if now.utcoffset() is None:
        raise ValueError("a datetime without a time zone is not an instant")
    zone = zone_of(zone)
    since = now.astimezone(zone).date()
    unsorted = (
        *_missing_days(cron, since=since),
        *_missing_by_rule(cron, since=since),
        *_clock_changes(cron, zone=zone, now=now, dst_policy=dst_policy),
    )
    return tuple(sorted(unsorted, key=lambda caveat: caveat.date))


def busy_day(timetable: Timetable, *, since: date, until: date, most: int) -> tuple[date, int] | None:
    """Return the first date from ``since`` to before ``until`` with more than ``most`` fires, and how many.

    By the calendars alone, as if each day had 24 hours: to search a single fire takes as long as this does
    for a date.
    """
    included = [(calendar, _minutes(calendar)) for calendar in timetable.calendars]
    excluded = [(calendar, _minutes(calendar)) for calendar in timetable.excluded]
    if len(_minutes_on(None, included)) <= most:
        return None
    for offset in range((until - since).days):
        day = since + timedelta(days=offset)
        if (count := len(_minutes_on(day, included) - _minutes_on(day, excluded))) > most:
            return day, count
    return None


def _minutes_on(day: date | None, calendars: Iterable[tuple[Calendar, frozenset[int]]]) -> frozenset[int]:
    """Return the minutes that any of the calendars names on a date; on any date, for ``None``."""
    named_minutes = (minutes for calendar, minutes in calendars if day is None or calendar.has_date(day))
    return frozenset[int]().union(*named_minutes)


def _minutes(calendar: Calendar) -> frozenset[int]:
    hours, minutes = values(calendar.hour), values(calendar.minute)
    return frozenset(hour * 60 + minute for hour in hours for minute in minutes)


def _missing_days(cron: Cron, *, since: date) -> Iterator[Caveat]:
    if not cron.day_of_month_restricted:
        return
    last_days = [last for last in _last_days(since, until=since + HORIZON) if last.month in cron.months]
    for day in cron.days_of_month:
        if day <= _SHORTEST_MONTH or day - 1 in cron.days_of_month:
            continue
        if without := [last for last in last_days if last.day < day]:
            yield Caveat(
                kind=CaveatKind.MISSING_DAY,
                date=without[0],
                local_time=None,
                count=len(without),
                message=_missing_day_message(day, without=without),
            )


def _missing_by_rule(cron: Cron, *, since: date) -> Iterator[Caveat]:
    """Yield the rules that name no day in some months: the fifth of a weekday, and ``31W``."""
    months = [last for last in _last_days(since, until=since + HORIZON) if last.month in cron.months]
    for rule in (*cron.rules_of_month, *cron.rules_of_week):
        if without := [last for last in months if not _has_day(rule, last_day=last)]:
            named = (
                f"day {rule.day} that the nearest workday could be of"
                if rule.kind is DayRuleKind.NEAREST_WORKDAY
                else f"fifth {_WEEKDAYS[rule.weekday]}"
            )
            yield Caveat(
                kind=CaveatKind.MISSING_DAY,
                date=without[0],
                local_time=None,
                count=len(without),
                message=f"{without[0]:%B %Y}, as other months, has no {named}: nothing fires for it then.",
            )


def _has_day(rule: DayRule, *, last_day: date) -> bool:
    return any(
        last_day.replace(day=day).isoweekday() % 7 in pattern.weekdays
        for pattern in patterns_of(rule)
        for day in pattern.days_in(last_day.day)
    )


def _last_days(since: date, *, until: date) -> Iterator[date]:
    """Yield the last day of each month whose last day is within the two dates."""
    last = _last_day(since)
    while last <= until:
        yield last
        last = _last_day(last + _DAY)


def _last_day(day: date) -> date:
    return (day.replace(day=28) + 4 * _DAY).replace(day=1) - _DAY


def _missing_day_message(day: int, *, without: Sequence[date]) -> str:
    names = [f"{last:%B}" for last in sorted(without, key=lambda last: last.month)]
    months = list(dict.fromkeys(names))
    years = " outside leap years" if day == _LEAP_DAY else ""
    verb = "has" if len(months) == 1 else "have"
    return f"{_listed(months)} {verb} no day {day}{years}: nothing fires for it then."


def _clock_changes(cron: Cron, *, zone: ZoneInfo, now: datetime, dst_policy: DstPolicy) -> Iterator[Caveat]:
    clock = ZoneClock(zone)
    since = now.astimezone(UTC).replace(tzinfo=None, microsecond=0)
    calendars = compile_calendars(cron)
    timeline = Timeline(calendars, clock=clock)
    is_hourly = len(cron.hours) == _HOURS_A_DAY
    for transition in clock.transitions(since, until=since + HORIZON):
        change = _change_text(transition, zone=zone)
        first, end = window(transition, clock=clock)
        expected = named(calendars, first=first, end=end)
        if dst_policy is DstPolicy.SHIFT:
            shifted = [] if is_hourly else [wall for wall in expected if not clock.shows(wall)]
            yield from _by_date(CaveatKind.SHIFTED, wall_times=shifted, change=change)
            continue
        wall_times = Counter(clock.wall(instant) for instant in fired(timeline, first=first, end=end))
        skipped = [wall for wall in expected if not wall_times[wall]]
        repeated = [wall for wall in expected if wall_times[wall] > 1]
        if is_hourly:
            skipped, repeated = [wall for wall in skipped if clock.shows(wall)], []
        yield from _by_date(CaveatKind.SKIPPED, wall_times=skipped, change=change)
        yield from _by_date(CaveatKind.REPEATED, wall_times=repeated, change=change)
        yield from _by_date(CaveatKind.EXTRA, wall_times=wall_times.keys() - expected, change=change)


def _by_date(kind: CaveatKind, *, wall_times: Iterable[datetime], change: str) -> Iterator[Caveat]:
    times: defaultdict[date, list[time]] = defaultdict(list)
    for wall in sorted(wall_times):
        times[wall.date()].append(wall.time())
    for day, of_day in times.items():
        yield Caveat(
            kind=kind,
            date=day,
            local_time=of_day[0],
            count=len(of_day),
            message=f"On {_day_text(day)}, {_times_message(kind, times=of_day)}: {change}.",
        )


def _times_message(kind: CaveatKind, *, times: Sequence[time]) -> str:
    shown = [f"{each:%H:%M}" for each in times]
    if len(shown) > _SHOWN:
        shown = [f"{len(shown)} times from {shown[0]} to {shown[-1]}"]
    one, many = _VERBS[kind]
    return f"{_listed(shown)} {one if len(times) == 1 else many}"


def _change_text(transition: Transition, *, zone: ZoneInfo) -> str:
    direction = "forward" if transition.after > transition.before else "back"
    before, after = transition.wall_before, transition.wall_after
    return f"the clock of {zone} goes {direction} from {before:%H:%M} to {after:%H:%M}"


def _day_text(day: date) -> str:
    return f"{day.day} {day:%B %Y}"


def _listed(parts: Sequence[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
