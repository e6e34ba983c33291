"""A backfill: which fires, and whether it may be."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfoNotFoundError

from scheduler_sync.domain.desired import DesiredSchedule
from scheduler_sync.domain.next_times import nominal_times
from trigger_contracts.ids import fire_execution_id
from trigger_contracts.schedule_requests import MAX_BACKFILL_DAYS, MAX_BACKFILL_FIRES


@dataclass(frozen=True, slots=True)
class Rejected:
    """It is not done; ``reason`` is for whoever asked, ``field`` what is to blame of what was asked for."""

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
    """Return the backfill of a range, if it is one that may be.

    The future is no matter of a backfill: Temporal would run it at once, and again when its time comes.
    """
    if (flaw := _flaw(start_at, end_at=end_at, now=now)) is not None:
        return flaw
    try:
        times = nominal_times(desired, start_at=start_at, end_at=end_at, most=MAX_BACKFILL_FIRES)
    except (ZoneInfoNotFoundError, ValueError):
        return Rejected(f"unknown time zone {desired.timezone[:64]!r}")
    if len(times) > MAX_BACKFILL_FIRES:
        return Rejected(f"that is more than {MAX_BACKFILL_FIRES} fires; choose a shorter range")
    return Backfill(
        start_at=start_at,
        end_at=end_at,
        fire_times=tuple(times),
        execution_ids=_executions(desired.trigger_id, times=times),
    )


def _flaw(start_at: datetime, *, end_at: datetime, now: datetime) -> Rejected | None:
    if end_at < start_at:
        return Rejected("the end is before the start", field="endAt")
    if end_at > now:
        return Rejected("the end is in the future", field="endAt")
    if end_at - start_at > timedelta(days=MAX_BACKFILL_DAYS):
        return Rejected(f"the range is longer than {MAX_BACKFILL_DAYS} days", field="startAt")
    return None


def _executions(trigger_id: UUID, *, times: Sequence[datetime]) -> tuple[UUID, ...]:
    return tuple(fire_execution_id(trigger_id, nominal_time=time) for time in times)
