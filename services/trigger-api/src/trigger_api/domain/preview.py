"""What a schedule does, worked out: before there is one, or as it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Final
from zoneinfo import ZoneInfo

from trigger_api.domain.timetables import policy_of, timetable_of
from trigger_contracts.config import ScheduleConfig
from trigger_cron import busy_day, caveats, fire_times, parse

_DAY: Final = timedelta(days=1)
_YEAR: Final = timedelta(days=366)


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


def preview(config: ScheduleConfig, *, count: int, now: datetime, fires_per_day: int) -> Preview:
    """Return up to ``count`` fire times after ``now``, as Temporal will fire them.

    They come from the calendars that Temporal gets, by its rules. The configuration has no flaws. A day with
    more than ``fires_per_day`` fires is something to know.
    """
    zone = ZoneInfo(config.timezone)
    notices = [
        Notice(kind=caveat.kind.value, message=caveat.message, date=caveat.date)
        for expression in dict.fromkeys((config.cron_expression, *config.additional_expressions))
        for caveat in caveats(parse(expression), zone=zone, now=now, dst_policy=policy_of(config))
    ]
    timetable = timetable_of(config)
    times = fire_times(
        timetable.calendars,
        excluded=timetable.excluded,
        zone=zone,
        after=now,
        start_at=config.start_at,
        end_at=config.end_at,
    )
    fires = tuple(moment.astimezone(zone) for moment in islice(times, count))
    if fires:
        notices += _busy_day(config, since=fires[0].date(), most=fires_per_day)
        if config.jitter_seconds:
            message = f"Each fire is late by a random time of up to {config.jitter_seconds} seconds."
            notices.append(Notice(kind="jitter", message=message, date=fires[0].date()))
    return Preview(fire_times=fires, notices=sorted(notices, key=lambda notice: notice.date))


def _busy_day(config: ScheduleConfig, *, since: date, most: int) -> list[Notice]:
    """Return the first date with more fires than that, within a year of the next one."""
    last = since + _YEAR
    if config.end_at is not None:
        last = min(last, config.end_at.date())
    found = busy_day(timetable_of(config), since=since, until=last + _DAY, most=most)
    if found is None:
        return []
    day, count = found
    message = f"It fires {count:,} times on {day}; more than {most:,} times a day is unusual here."
    return [Notice(kind="busy_day", message=message, date=day)]
