"""A backfill: which times fire, and whether it is allowed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from scheduler_sync.domain.desired import DesiredSchedule
from scheduler_sync.domain.next_times import nominal_times
from trigger_contracts.ids import fire_execution_id
from trigger_contracts.schedule_requests import MAX_BACKFILL_DAYS, MAX_BACKFILL_FIRES
from trigger_cron import UnknownZoneError

_MOST_SEARCHES: Final = 25_000
"""Of the next fire of one calendar: about a second of work, of the two that a caller waits for."""
_SECOND: Final = timedelta(seconds=1)
# The last second before the first fire that there can be, and the first one after the last.
_FIRST: Final = datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC)
_LAST: Final = datetime(2101, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Rejected:
    """The backfill is not started; ``reason`` is for the caller, ``field`` names what to change."""

    reason: str
    field: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backfill:
    """The fires from ``start_at`` to ``end_at``, both included."""

    start_at: datetime
    end_at: datetime
    fire_times: tuple[datetime, ...]
    execution_ids: tuple[UUID, ...]


def decide_backfill(
    desired: DesiredSchedule, *, start_at: datetime, end_at: datetime, now: datetime
) -> Backfill | Rejected:
    """Return the backfill of a range, if it is allowed.

    The future is refused: Temporal would run it at once, and again when its time comes. The range is of whole
    seconds, as a schedule's fires are: a second that has begun before ``start_at`` is not in it, as with
    Temporal. This takes up to some seconds for a schedule of hundreds of calendars.
    """
    start_at, end_at = _within_years(start_at), _within_years(end_at)
    if (refusal := _refusal(start_at, end_at=end_at, now=now)) is not None:
        return refusal
    start_at, end_at = _next_whole(start_at), end_at.replace(microsecond=0)
    # Each fire is searched in each calendar, here as in Temporal.
    most = min(MAX_BACKFILL_FIRES, max(_MOST_SEARCHES // max(len(desired.calendars), 1), 1))
    try:
        times = nominal_times(desired, start_at=start_at, end_at=end_at, most=most)
    except UnknownZoneError as error:
        return Rejected(str(error))
    if len(times) > most:
        return Rejected(f"that is more than {most} fires; choose a shorter range")
    return Backfill(
        start_at=start_at,
        end_at=end_at,
        fire_times=tuple(times),
        execution_ids=_executions(desired.trigger_id, times=times),
    )


def _within_years(moment: datetime) -> datetime:
    """Return the moment in UTC, or the end of the years in which schedules fire that is nearest to it."""
    try:
        return min(max(moment.astimezone(UTC), _FIRST), _LAST)
    except OverflowError:
        return _LAST if moment.year > 1 else _FIRST


def _next_whole(moment: datetime) -> datetime:
    whole = moment.replace(microsecond=0)
    return whole if whole == moment else whole + _SECOND


def _refusal(start_at: datetime, *, end_at: datetime, now: datetime) -> Rejected | None:
    if end_at < start_at:
        return Rejected("the end is before the start", field="endAt")
    if end_at > now:
        return Rejected("the end is in the future", field="endAt")
    if end_at - start_at > timedelta(days=MAX_BACKFILL_DAYS):
        return Rejected(f"the range is longer than {MAX_BACKFILL_DAYS} days", field="startAt")
    return None


def _executions(trigger_id: UUID, *, times: Sequence[datetime]) -> tuple[UUID, ...]:
    return tuple(fire_execution_id(trigger_id, nominal_time=time) for time in times)
