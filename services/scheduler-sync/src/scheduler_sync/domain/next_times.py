"""When a schedule will fire, without a call to Temporal: the calendars are evaluated by its rules."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice

from scheduler_sync.domain.desired import DesiredSchedule
from trigger_cron import UnknownZoneError, fire_times

_SECOND = timedelta(seconds=1)


def next_times(desired: DesiredSchedule, *, now: datetime, count: int) -> tuple[datetime, ...] | None:
    """Return up to ``count`` times after ``now``; a paused schedule has no times.

    ``None`` where only Temporal knows them: it derives a jitter from the schedule's id, and its zone data may
    know a zone that ours does not.
    """
    if desired.paused:
        return ()
    if desired.jitter_seconds:
        return None
    try:
        return tuple(islice(_times(desired, after=now), count))
    except UnknownZoneError:
        return None


def is_finished(desired: DesiredSchedule, *, now: datetime) -> bool:
    """Tell whether it has no fire left, also while it is paused.

    Temporal drops such a schedule 7 days after its last fire or update, and would drop it again and again.
    """
    try:
        return next(_times(desired, after=now), None) is None
    except UnknownZoneError:
        return False


def agree(shown: Sequence[datetime], expected: Sequence[datetime], *, now: datetime) -> bool:
    """Tell whether two lists of next times can be of one schedule, as far as both reach after ``now``.

    A list that was made earlier begins earlier, and so ends earlier. A difference is only a reason to
    describe the schedule: about a change of the clock Temporal's times depend on where its search began, and
    its zone data may be another edition.
    """
    ahead = [time for time in shown if time > now]
    if not ahead or not expected:
        return not ahead and not expected
    last = min(ahead[-1], expected[-1])
    return [time for time in ahead if time <= last] == [time for time in expected if now < time <= last]


def nominal_times(
    desired: DesiredSchedule, *, start_at: datetime, end_at: datetime, most: int
) -> Sequence[datetime]:
    """Return the times from ``start_at`` to ``end_at``, both included, and one more than ``most``.

    Raises ``UnknownZoneError``.
    """
    times = list[datetime]()
    for time in islice(_times(desired, after=start_at - _SECOND), most + 1):
        if time > end_at:
            break
        times.append(time)
    return times


def _times(desired: DesiredSchedule, *, after: datetime) -> Iterator[datetime]:
    return fire_times(
        desired.calendars,
        zone=desired.timezone,
        after=after,
        start_at=desired.start_at,
        end_at=desired.end_at,
        excluded=desired.excluded,
    )
