"""What a schedule would do, before there is one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from zoneinfo import ZoneInfo

from trigger_cron import Caveat, caveats, compile_calendars, fire_times, parse


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """The next fire times, in the schedule's zone, and what to know about the expression."""

    fire_times: tuple[datetime, ...]
    caveats: Sequence[Caveat]


def preview(
    expression: str,
    *,
    timezone: str,
    count: int,
    now: datetime,
    start_at: datetime | None,
    end_at: datetime | None,
) -> Preview:
    """Return up to ``count`` fire times after ``now``, as Temporal will fire them.

    They come from the calendars that Temporal gets, by its rules. The expression and the zone are valid.
    """
    zone = ZoneInfo(timezone)
    cron = parse(expression)
    times = fire_times(compile_calendars(cron), zone=zone, after=now, start_at=start_at, end_at=end_at)
    return Preview(
        fire_times=tuple(moment.astimezone(zone) for moment in islice(times, count)),
        caveats=caveats(cron, zone=zone, now=now),
    )
