"""What has to be done so that Temporal's schedule is as it shall be."""

from dataclasses import dataclass
from datetime import datetime

from scheduler_sync.domain.desired import DesiredSchedule


@dataclass(frozen=True, slots=True, kw_only=True)
class ActualSchedule:
    """What Temporal has."""

    schedule_id: str
    note: str | None
    paused: bool
    next_fire_times: tuple[datetime, ...]


@dataclass(frozen=True, slots=True)
class Create:
    """There is none yet."""

    desired: DesiredSchedule


@dataclass(frozen=True, slots=True)
class Update:
    """There is another one."""

    desired: DesiredSchedule


@dataclass(frozen=True, slots=True)
class Delete:
    """There shall be none."""

    schedule_id: str


@dataclass(frozen=True, slots=True)
class Nothing:
    """It is as it shall be."""


Step = Create | Update | Delete | Nothing


def plan(desired: DesiredSchedule | None, *, actual: ActualSchedule | None, now: datetime) -> Step:
    """Return the one step from what is to what shall be.

    A schedule whose end has passed need not be there: Temporal drops it 7 days after its last fire, or
    its last update, and to make it again would be undone 7 days later, and so on for ever.
    """
    if desired is None:
        return Nothing() if actual is None else Delete(actual.schedule_id)
    if actual is None:
        return Nothing() if desired.is_over(now) else Create(desired)
    # The note alone is not enough: pausing by hand need not touch it.
    same = actual.note == desired.note and actual.paused == desired.paused
    return Nothing() if same else Update(desired)
