"""What a schedule does, worked out: before there is one, or as it is."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby, islice
from typing import Final
from zoneinfo import ZoneInfo

from trigger_api.domain.timetables import policy_of, timetable_of
from trigger_contracts.config import ScheduleConfig
from trigger_cron import caveats, fire_times, most_fires_a_day, parse

_LOOKED_AT: Final = 5_000
"""Fires that are counted by day: three days and a half of one each minute, fourteen years of one a day."""


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
    parsed = [parse(text) for text in dict.fromkeys((config.cron_expression, *config.additional_expressions))]
    notices = [
        Notice(kind=caveat.kind.value, message=caveat.message, date=caveat.date)
        for cron in parsed
        for caveat in caveats(cron, zone=zone, now=now, dst_policy=policy_of(config))
    ]
    # Mostly no day can be that busy; counting takes as long as looking for thousands of fires.
    if sum(most_fires_a_day(cron) for cron in parsed) > fires_per_day:
        notices += _busy_day(_times(config, zone=zone, now=now), most=fires_per_day)
    return Preview(
        fire_times=tuple(islice(_times(config, zone=zone, now=now), count)),
        notices=sorted(notices, key=lambda notice: notice.date),
    )


def _times(config: ScheduleConfig, *, zone: ZoneInfo, now: datetime) -> Iterator[datetime]:
    timetable = timetable_of(config)
    found = fire_times(
        timetable.calendars,
        excluded=timetable.excluded,
        zone=zone,
        after=now,
        start_at=config.start_at,
        end_at=config.end_at,
    )
    return (moment.astimezone(zone) for moment in found)


def _busy_day(times: Iterator[datetime], *, most: int) -> list[Notice]:
    """Return the first day with more fires than that, if there is one among the next fires."""
    for day, fires in groupby(islice(times, _LOOKED_AT), key=lambda moment: moment.date()):
        count = sum(1 for _ in fires)
        if count > most:
            message = f"It fires {count:,} times on {day}; more than {most:,} times a day is unusual here."
            return [Notice(kind="busy_day", message=message, date=day)]
    return []
