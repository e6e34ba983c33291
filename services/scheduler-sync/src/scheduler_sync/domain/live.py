"""What a schedule does at this moment, as a caller gets it."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from trigger_contracts.schedule_requests import DroppedFires, ScheduleStatus

_NOMINAL: Final = re.compile(r"-(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)Z", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveSchedule:
    """What Temporal says of a schedule: ``next_fire_times`` with their jitter, ``recent`` ones without."""

    note: str | None
    paused: bool
    next_fire_times: tuple[datetime, ...]
    recent_fire_times: tuple[datetime, ...]
    running_workflow_ids: tuple[str, ...]
    dropped_fires: DroppedFires


def status_of(schedule: LiveSchedule | None) -> ScheduleStatus:
    """Return the one word for it. A paused schedule is paused also where it has no fire left."""
    if schedule is None:
        return ScheduleStatus.MISSING
    if schedule.paused:
        return ScheduleStatus.PAUSED
    return ScheduleStatus.RUNNING if schedule.next_fire_times else ScheduleStatus.FINISHED


def nominal_time(workflow_id: str, *, scheduled_at: datetime) -> datetime:
    """Return the nominal time of a run, which Temporal appends to its workflow's id.

    ``scheduled_at`` has the jitter in it (Temporal's ``ScheduleActionResult.schedule_time``), and is what
    is returned for an id without a time.
    """
    match = _NOMINAL.search(workflow_id[-len("-2009-11-10T23:00:00Z") :])
    try:
        return datetime.fromisoformat(match[1]).replace(tzinfo=UTC) if match else scheduled_at
    except ValueError:
        return scheduled_at
