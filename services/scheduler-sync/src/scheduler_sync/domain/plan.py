"""What has to be done so that Temporal's schedules are as they shall be."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

NOTE_PREFIX: Final = "Kept equal to its trigger by scheduler-sync; changes here are undone. Fingerprint "
DISABLED_NOTE: Final = "Paused by scheduler-sync: its trigger is disabled, and is refused otherwise."


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """As much of what shall be as a comparison needs; one is kept in memory for each trigger."""

    schedule_id: str
    fingerprint: str
    toggled: str
    """The fingerprint that it would have if it were paused where it runs, or ran where it is paused."""
    paused: bool
    end_at: datetime | None

    @property
    def note(self) -> str:
        """The text that the schedule carries. It holds the fingerprint, and tells a person who owns it.

        Temporal cannot give back the specification as it was sent, and an update cannot change a
        schedule's memo, so the fingerprint stands in the note, which the listing shows.
        """
        return NOTE_PREFIX + self.fingerprint

    def is_named_by(self, note: str | None) -> bool:
        """Tell whether a schedule with this note is the right one, but for being paused or not."""
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
    altered: bool = False
    """It is not what its note says, which takes a closer look than the listing's: ``Schedules.describe``."""


@dataclass(frozen=True, slots=True)
class Create:
    """There is none yet."""

    schedule_id: str


@dataclass(frozen=True, slots=True)
class Update:
    """There is another one."""

    schedule_id: str


@dataclass(frozen=True, slots=True)
class Pause:
    """It is the right one, and runs."""

    schedule_id: str


@dataclass(frozen=True, slots=True)
class Resume:
    """It is the right one, and is paused."""

    schedule_id: str


@dataclass(frozen=True, slots=True)
class Delete:
    """There shall be none."""

    schedule_id: str


Step = Create | Update | Pause | Resume | Delete


def plan(
    desired: Mapping[str, Target | None], *, actual: Mapping[str, ActualSchedule], now: datetime
) -> list[Step]:
    """Return the steps from what is to what shall be, at most one for each schedule.

    ``desired`` says ``None`` of a schedule that shall not be. One that it says nothing of is left alone:
    that nothing is known of a trigger does not mean that it was deleted.
    """
    return list(_steps(desired, actual=actual, now=now))


def _steps(
    desired: Mapping[str, Target | None], *, actual: Mapping[str, ActualSchedule], now: datetime
) -> Iterator[Step]:
    for schedule_id, target in desired.items():
        if (step := _step(target, actual=actual.get(schedule_id), now=now)) is not None:
            yield step


def _step(target: Target | None, *, actual: ActualSchedule | None, now: datetime) -> Step | None:
    """Return what one schedule needs.

    A schedule whose end has passed need not be there: Temporal drops it 7 days after its last fire, or
    its last update, and to make it again would be undone 7 days later, and so on for ever.
    """
    if target is None:
        return None if actual is None else Delete(actual.schedule_id)
    if actual is None:
        return None if target.is_over(now) else Create(target.schedule_id)
    if actual.altered:
        # Pausing or resuming it would leave what was changed.
        return Update(target.schedule_id)
    # The note alone is not enough: pausing by hand need not touch it.
    if actual.note == target.note and actual.paused is target.paused:
        return None
    if target.is_named_by(actual.note):
        return Pause(target.schedule_id) if target.paused else Resume(target.schedule_id)
    return Update(target.schedule_id)
