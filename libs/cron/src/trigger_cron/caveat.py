"""What its author must know about a schedule: changes of the clock, and months that lack the day."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from trigger_contracts.config import DstPolicy
from trigger_cron.calendars import Calendar, values
from trigger_cron.clock_caveat import Caveat, CaveatKind, clock_caveats, listed
from trigger_cron.cron import Cron
from trigger_cron.day_rules import DayRule, DayRuleKind, patterns_of
from trigger_cron.timetable import Timetable
from trigger_cron.zone_clock import zone_of

HORIZON: Final = timedelta(days=2 * 366)
"""Caveats cover so much time from ``now`` on."""

_DAY: Final = timedelta(days=1)

_HOURS_A_DAY: Final = 24
_SHORTEST_MONTH: Final = 28
_LEAP_DAY: Final = 29
_WEEKDAYS: Final = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_SHOWN: Final = 3
"""Times that a message lists one by one."""


def caveats(
    cron: Cron, *, zone: str | ZoneInfo, now: datetime, dst_policy: DstPolicy = DstPolicy.LITERAL
) -> tuple[Caveat, ...]:
    """Return the caveats from ``now`` to ``HORIZON`` later, by date.

    At a change of the clock, what Temporal fires (``fire_times``) is compared with the times that the
    expression names. An expression for every hour of the day goes by the hour and not by the clock: an hour
    that is missing or comes twice is not a caveat there, but a longer interval is one. A day of the month is
    not missed where the day before it is named as well: ``28-31`` runs to the end of any month. With another
    policy, which ``compile_timetable`` has accepted, only what it skips, shifts or postpones is a caveat.

    Raises ``ValueError`` for a ``now`` without a time zone, and ``UnknownZoneError``.
    """
    if now.utcoffset() is None:
        raise ValueError("a datetime without a time zone is not an instant")
    zone = zone_of(zone)
    since = now.astimezone(zone).date()
    unsorted = (
        *_missing_days(cron, since=since),
        *_missing_by_rule(cron, since=since),
        *clock_caveats(cron, zone=zone, now=now, until=now + HORIZON, dst_policy=dst_policy),
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
    return f"{listed(months)} {verb} no day {day}{years}: nothing fires for it then."
