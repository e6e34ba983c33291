"""Everything about *when* in a schedule of Temporal: several expressions and their options."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final
from zoneinfo import ZoneInfo

from trigger_contracts.config import DstPolicy
from trigger_cron.calendars import (
    EVERY_DAY_OF_WEEK,
    EVERY_HOUR,
    EVERY_MINUTE,
    EVERY_SECOND,
    Calendar,
    compile_calendars,
    ranges,
)
from trigger_cron.clock_changes import changes, corrections
from trigger_cron.cron import Cron, TimetableError
from trigger_cron.exclusion_limits import check_exclusions
from trigger_cron.zone_clock import zone_of

MAX_CALENDARS: Final = 500
"""Of both kinds together. The server itself minds only their bytes (2 MiB), but looks at each for each fire:
500 cost it as much time as everything else about a schedule."""

_HOURS_A_DAY: Final = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Timetable:
    """What fires: the seconds that one of ``calendars`` matches and ``excluded`` do not."""

    calendars: tuple[Calendar, ...]
    excluded: tuple[Calendar, ...] = ()


def compile_timetable(
    crons: Sequence[Cron],
    *,
    zone: str | ZoneInfo,
    excluded_dates: Iterable[date] = (),
    dst_policy: DstPolicy = DstPolicy.LITERAL,
) -> Timetable:
    """Return the calendars of all expressions together; a minute that several name fires once.

    ``excluded_dates`` are those of the zone. The policies ``SHIFT`` and ``ONCE`` are for times of the clock.
    An expression for every hour of the day goes by the hour: with ``SHIFT`` and one minute it keeps what
    Temporal does, and is refused otherwise. They hold from 2026 on, and take 0.1 s or more, so keep what this
    returns (``timetable_of`` does).

    Raises ``TimetableError`` where calendars cannot express the policy, or it takes over ``MAX_CALENDARS`` of
    them, ``ExclusionError`` where too much is excluded, and with a policy ``UnknownZoneError``.
    """
    calendars = _compiled(crons)
    dates = frozenset(excluded_dates)
    excluded = tuple(_exclusions(dates))
    if dst_policy is not DstPolicy.LITERAL and changes(zone):
        for cron in crons:
            _check_policy(dst_policy, cron=cron, zone=zone)
        corrected = corrections(
            _compiled(cron for cron in crons if len(cron.hours) < _HOURS_A_DAY),
            by_hour=_compiled(cron for cron in crons if len(cron.hours) == _HOURS_A_DAY),
            zone=zone_of(zone),
            policy=dst_policy,
        )
        calendars, excluded = (*calendars, *corrected.added), (*corrected.excluded, *excluded)
    check_exclusions(dates, calendars=calendars)
    return _bounded(Timetable(calendars=calendars, excluded=excluded))


def _check_policy(policy: DstPolicy, *, cron: Cron, zone: str | ZoneInfo) -> None:
    """Raise ``TimetableError`` for an interval that the policy would not keep."""
    if len(cron.hours) < _HOURS_A_DAY:
        return
    if policy is DstPolicy.ONCE:
        raise TimetableError(
            "dstPolicy 'once' is for times of the clock, and an expression for every hour goes by the hour:"
            " use 'literal'"
        )
    if len(cron.minutes) > 1:
        raise TimetableError(
            f"Temporal pauses an expression of several times an hour when the clock of {zone} is changed, and"
            " dstPolicy 'shift' cannot mend that: use 'literal', whose warnings say when nothing fires"
        )


def _bounded(timetable: Timetable) -> Timetable:
    if (count := len(timetable.calendars) + len(timetable.excluded)) > MAX_CALENDARS:
        raise TimetableError(
            f"this takes {count} calendars in Temporal, over {MAX_CALENDARS}: use fewer expressions"
        )
    return timetable


def _compiled(crons: Iterable[Cron]) -> tuple[Calendar, ...]:
    calendars = (calendar for cron in crons for calendar in compile_calendars(cron))
    return tuple(dict.fromkeys(calendars))


def _exclusions(dates: Iterable[date]) -> Iterator[Calendar]:
    """Yield a calendar for the same days of a month in one or more years."""
    days: defaultdict[tuple[int, int], set[int]] = defaultdict(set)
    for day in dates:
        days[day.year, day.month].add(day.day)
    years: defaultdict[tuple[int, tuple[int, ...]], set[int]] = defaultdict(set)
    for (year, month), named_days in days.items():
        years[month, tuple(sorted(named_days))].add(year)
    for (month, of_month), of_years in sorted(years.items()):
        yield Calendar(
            second=EVERY_SECOND,
            minute=EVERY_MINUTE,
            hour=EVERY_HOUR,
            day_of_month=ranges(of_month),
            month=ranges([month]),
            day_of_week=EVERY_DAY_OF_WEEK,
            year=ranges(of_years),
        )
