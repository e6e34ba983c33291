"""What a schedule would do, before there is one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from zoneinfo import ZoneInfo

from trigger_api.domain.timetables import policy_of, timetable_of
from trigger_contracts.config import ScheduleConfig
from trigger_cron import Caveat, caveats, fire_times, parse


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """The next fire times, in the schedule's zone, and what to know about the expressions."""

    fire_times: tuple[datetime, ...]
    caveats: Sequence[Caveat]


def preview(config: ScheduleConfig, *, count: int, now: datetime) -> Preview:
    """Return up to ``count`` fire times after ``now``, as Temporal will fire them.

    They come from the calendars that Temporal gets, by its rules. The configuration has no flaws.
    """
    zone = ZoneInfo(config.timezone)
    timetable = timetable_of(config)
    times = fire_times(
        timetable.calendars,
        excluded=timetable.excluded,
        zone=zone,
        after=now,
        start_at=config.start_at,
        end_at=config.end_at,
    )
    known = [
        caveat
        for expression in dict.fromkeys((config.cron_expression, *config.additional_expressions))
        for caveat in caveats(parse(expression), zone=zone, now=now, dst_policy=policy_of(config))
    ]
    return Preview(
        fire_times=tuple(moment.astimezone(zone) for moment in islice(times, count)),
        caveats=sorted(known, key=lambda caveat: caveat.date),
    )
