"""The steps that make Temporal's schedules equal to the configuration."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from trigger_contracts.schedule_requests import DroppedFires

NOTE_PREFIX: Final = "Kept equal to its trigger by scheduler-sync; changes here are undone. Fingerprint "
DISABLED_NOTE: Final = "Paused by scheduler-sync: its trigger is disabled, and is refused otherwise."


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """As much of a desired schedule as a comparison needs; one is kept in memory for each trigger."""

    schedule_id: str
    fingerprint: str
    toggled: str
    """The fingerprint that it would have if it were paused where it runs, or ran where it is paused."""
    paused: bool
    end_at: datetime | None

    @property
    def note(self) -> str:
        """The text that the schedule carries. It holds the fingerprint, and says to a person who owns it.

        Temporal cannot give back the specification as it was sent, and an update cannot change a
        schedule's memo, so the fingerprint stands in the note, which the listing shows.
        """
        return NOTE_PREFIX + self.fingerprint

    def is_named_by(self, note: str | None) -> bool:
        """Tell whether a schedule with this note is the desired one, whether or not it is paused."""
        return note in (self.note, NOTE_PREFIX + self.toggled)

    def is_over(self, now: datetime) -> bool:
        """Tell whether the end has passed. A fire at the very end is still one (Temporal's rule)."""
        return self.end_at is not None and now > self.end_at


@dataclass(frozen=True, slots=True, kw_only=True)
class ActualSchedule:
    """What Temporal has."""

    schedule_id: str
    note: str | None
    paused: bool
    next_fire_times: tuple[datetime, ...]
    edited_by_hand: bool = False
    """It differs from what its note says. Only a description shows that: see ``Schedules.describe``."""
    dropped_fires: DroppedFires | None = None
    """Only of a description."""


@dataclass(frozen=True, slots=True)
class Create:
    """Temporal has no schedule yet."""

    schedule_id: str


@dataclass(frozen=True, slots=True)
class Update:
    """Temporal has another schedule."""

    schedule_id: str


@dataclass(frozen=True, slots=True)
class Pause:
    """Temporal has the right schedule, and it is not paused."""

    schedule_id: str


@dataclass(frozen=True, slots=True)
class Resume:
    """Temporal has the right schedule, and it is paused."""

    schedule_id: str


@dataclass(frozen=True, slots=True)
class Delete:
    """Temporal has a schedule of a trigger that is deleted."""

    schedule_id: str


Step = Create | Update | Pause | Resume | Delete


def plan(
    desired: Mapping[str, Target | None], *, actual: Mapping[str, ActualSchedule], now: datetime
) -> list[Step]:
    """Return the steps from the actual schedules to the desired ones, at most one for each.

    ``desired`` has ``None`` for a schedule to delete. A schedule that it does not name is left alone: an
    unknown trigger need not be a deleted one.
    """
    steps = (next_step(target, actual=actual.get(key), now=now) for key, target in desired.items())
    return [step for step in steps if step is not None]


def next_step(target: Target | None, *, actual: ActualSchedule | None, now: datetime) -> Step | None:
    """Return what one schedule needs; ``target`` is ``None`` for one to delete.

    A schedule whose end has passed need not be there: Temporal drops it 7 days after its last fire or
    update. One that is created again is dropped again 7 days later, and so on for ever.
    """
    if target is None:
        return None if actual is None else Delete(actual.schedule_id)
    if actual is None:
        return None if target.is_over(now) else Create(target.schedule_id)
    if actual.edited_by_hand:
        # To pause or resume it would leave what was edited.
        return Update(target.schedule_id)
    # The note alone is not enough: pausing by hand need not touch it.
    if actual.note == target.note and actual.paused is target.paused:
        return None
    if target.is_named_by(actual.note):
        return Pause(target.schedule_id) if target.paused else Resume(target.schedule_id)
    return Update(target.schedule_id)
