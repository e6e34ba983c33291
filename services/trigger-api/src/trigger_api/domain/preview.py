"""When a schedule fires and what its user must know: before it is saved, or as it is."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import chain, islice, takewhile
from typing import Final
from zoneinfo import ZoneInfo

from trigger_contracts.config import ScheduleConfig
from trigger_cron import CaveatKind, busy_day, caveats, fire_times, parse, timetable_of

_DAY: Final = timedelta(days=1)
_YEAR: Final = timedelta(days=366)
_FIRST: Final = datetime(1970, 1, 2, tzinfo=UTC)
_LAST: Final = datetime(2101, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One thing to know. ``message`` is for the person who typed the expression, ``date`` of the zone."""

    kind: str
    message: str
    date: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """The next fire times, in the schedule's zone, and what to know about them."""

    fire_times: tuple[datetime, ...]
    notices: Sequence[Notice]


def preview(
    config: ScheduleConfig,
    *,
    count: int,
    now: datetime,
    fires_per_day: int,
    published: Sequence[datetime] = (),
) -> Preview:
    """Return up to ``count`` fire times after ``now``, as Temporal will fire them.

    They come from the calendars that Temporal gets, by its rules. The configuration has no errors. A day with
    more than ``fires_per_day`` fires has a notice.

    ``published`` are the next fires that Temporal has reported, where they are known. They come first, and
    the search goes on from the last of them: near a change of the clock it can matter where it begins.
    """
    zone = ZoneInfo(config.timezone)
    # With a jitter, Temporal reports when it will fire, and not the nominal time.
    known = () if config.jitter_seconds else tuple(published)
    times = chain(known, _fires(config, after=known[-1] if known else now))
    fires = tuple(moment.astimezone(zone) for moment in islice(times, count))
    if not fires:
        message = "Nothing is left to fire: it has ended, or no time that it names is left within its dates."
        return Preview(fire_times=(), notices=[Notice(kind="no_fire", message=message, date=_day(now, zone))])
    notices = [
        *_caveats(config, zone=zone, now=now),
        *_busy_day(config, zone=zone, since=fires[0].date(), most=fires_per_day),
    ]
    if config.jitter_seconds:
        message = f"Each fire is late by a random time of up to {config.jitter_seconds} seconds."
        notices.append(Notice(kind="jitter", message=message, date=fires[0].date()))
    return Preview(fire_times=fires, notices=sorted(notices, key=lambda notice: notice.date))


def _fires(config: ScheduleConfig, *, after: datetime) -> Iterator[datetime]:
    timetable = timetable_of(config)
    return fire_times(
        timetable.calendars,
        excluded=timetable.excluded,
        zone=config.timezone,
        after=after,
        start_at=config.start_at,
        end_at=config.end_at,
    )


def _caveats(config: ScheduleConfig, *, zone: ZoneInfo, now: datetime) -> Iterator[Notice]:
    """Yield the notices of each expression while the schedule is in force, but for excluded dates."""
    since = now if config.start_at is None else max(now, config.start_at)
    last = date.max if config.end_at is None else _day(config.end_at, zone)
    for expression in dict.fromkeys((config.cron_expression, *config.additional_expressions)):
        for caveat in caveats(
            parse(expression), zone=zone, now=_within_years(since), dst_policy=config.dst_policy
        ):
            is_excluded = caveat.date in config.excluded_dates and caveat.kind is not CaveatKind.MISSING_DAY
            if caveat.date <= last and not is_excluded:
                yield Notice(kind=caveat.kind.value, message=caveat.message, date=caveat.date)


def _busy_day(config: ScheduleConfig, *, zone: ZoneInfo, since: date, most: int) -> Iterator[Notice]:
    """Yield the first date with more fires than that, within a year of the next one."""
    until = since + _YEAR + _DAY
    if config.end_at is not None:
        until = min(until, _day(config.end_at, zone) + _DAY)
    edges = {_day(edge, zone) for edge in (config.start_at, config.end_at) if edge is not None}
    timetable = timetable_of(config)
    while (busiest := busy_day(timetable, since=since, until=until, most=most)) is not None:
        day, count = busiest
        if day in edges:
            # The schedule is in force for a part of it.
            count = _count(config, day=day, zone=zone)
        if count > most:
            message = f"It fires {count:,} times on {day}; more than {most:,} times a day is unusual here."
            yield Notice(kind="busy_day", message=message, date=day)
            return
        since = day + _DAY


def _count(config: ScheduleConfig, *, day: date, zone: ZoneInfo) -> int:
    begin, end = (datetime.combine(moment, time(), tzinfo=zone) for moment in (day, day + _DAY))
    fires = _fires(config, after=begin.astimezone(UTC) - timedelta(seconds=1))
    return sum(1 for _ in takewhile(lambda fire: fire < end, fires))


def _day(moment: datetime, zone: ZoneInfo) -> date:
    return _within_years(moment).astimezone(zone).date()


def _within_years(moment: datetime) -> datetime:
    """Return the moment, or the end of the years in which schedules fire that is nearest to it."""
    return min(max(moment, _FIRST), _LAST)
