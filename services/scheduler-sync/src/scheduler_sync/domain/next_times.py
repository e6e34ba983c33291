"""When a schedule will fire, known without asking: the calendars are evaluated as Temporal does it."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfoNotFoundError

from scheduler_sync.domain.desired import DesiredSchedule
from trigger_cron import fire_times

_SECOND = timedelta(seconds=1)


def next_times(desired: DesiredSchedule, *, now: datetime, count: int) -> tuple[datetime, ...] | None:
    """Return up to ``count`` times after ``now``; none while it is paused.

    ``None`` where only Temporal can say: it derives a jitter from the schedule's id, and its zone data may
    know a zone that ours does not.
    """
    if desired.paused:
        return ()
    if desired.jitter_seconds:
        return None
    try:
        return tuple(islice(_times(desired, after=now), count))
    except (ZoneInfoNotFoundError, ValueError):
        return None


def nominal_times(
    desired: DesiredSchedule, *, start_at: datetime, end_at: datetime, most: int
) -> Sequence[datetime]:
    """Return the times from ``start_at`` to ``end_at``, both included, and one more than ``most``.

    Raises ``ValueError`` or ``zoneinfo.ZoneInfoNotFoundError`` where our zone data does not know the zone.
    """
    found = list[datetime]()
    for time in islice(_times(desired, after=start_at - _SECOND), most + 1):
        if time > end_at:
            break
        found.append(time)
    return found


def _times(desired: DesiredSchedule, *, after: datetime) -> Iterator[datetime]:
    return fire_times(
        desired.calendars,
        zone=desired.timezone,
        after=after,
        start_at=desired.start_at,
        end_at=desired.end_at,
        excluded=desired.excluded,
    )
