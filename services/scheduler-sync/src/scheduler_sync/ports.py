"""What the use cases need from the world; the adapters provide it, ``app.py`` connects them."""

from collections.abc import AsyncIterator, Iterable
from datetime import datetime
from typing import Protocol
from uuid import UUID

from scheduler_sync.domain.desired import DesiredSchedule
from scheduler_sync.domain.live import LiveSchedule
from scheduler_sync.domain.plan import ActualSchedule
from trigger_contracts.config import OverlapPolicy, TriggerState
from trigger_contracts.schedules import AnyScheduleFact
from trigger_contracts.workflow_io import TriggeredInput


class TemporalAwayError(Exception):
    """Temporal cannot be reached, or somebody else was faster: looking again later helps."""


class ScheduleExistsError(TemporalAwayError):
    """There is one by now, which is to be looked at."""


class ScheduleRefusedError(Exception):
    """Temporal will not take the schedule as it is; the text says why."""


class ScheduleMissingError(Exception):
    """Temporal has no such schedule."""


class Schedules(Protocol):
    """Temporal's schedules. Everything raises ``TemporalAwayError``."""

    async def describe(
        self, schedule_id: str, *, wanted: DesiredSchedule | None = None
    ) -> ActualSchedule | None:
        """Return a schedule as it is now; ``altered`` is where it carries the note of ``wanted`` wrongly."""

    async def create(self, desired: DesiredSchedule) -> None:
        """Create. Raises ``ScheduleExistsError`` or ``ScheduleRefusedError``."""

    async def update(self, desired: DesiredSchedule) -> None:
        """Replace. Raises ``ScheduleRefusedError``."""

    async def pause(self, schedule_id: str, *, note: str) -> None:
        """Pause, and write the note."""

    async def resume(self, schedule_id: str, *, note: str) -> None:
        """Let it run again, and write the note."""

    async def delete(self, schedule_id: str) -> bool:
        """Delete; return whether there was one."""

    def all(self) -> AsyncIterator[ActualSchedule]:
        """List every schedule under our prefix. The list is eventually consistent."""


class LiveSchedules(Protocol):
    """Temporal, for somebody who waits for the answer. All raise ``TemporalAwayError``, within 2 s."""

    async def live(self, schedule_id: str) -> LiveSchedule | None:
        """Return what a schedule does now."""

    async def start(self, given: TriggeredInput) -> str:
        """Start a run and return its workflow's id; one that was started before is a success.

        Raises ``ScheduleRefusedError`` for an input that Temporal does not take.
        """

    async def backfill(
        self,
        schedule_id: str,
        *,
        start_at: datetime,
        end_at: datetime,
        overlap: OverlapPolicy,
        request_id: UUID | None,
    ) -> None:
        """Run what would have fired, both ends included; once for each request id.

        Raises ``ScheduleMissingError``.
        """


class Configuration(Protocol):
    """The triggers."""

    async def latest(self, trigger_id: UUID) -> TriggerState | None:
        """Return a trigger as the bus has it now, tombstones included. Raises ``BusAwayError``."""

    def known(self, trigger_id: UUID) -> TriggerState | None:
        """Return a schedule trigger as it was when we last heard of it, which costs nothing."""

    def schedule_triggers(self) -> Iterable[TriggerState]:
        """Return all schedule triggers that are known, tombstones included."""

    def unreadable_triggers(self) -> Iterable[UUID]:
        """Return the triggers whose newest state cannot be read: their schedules are left as they are."""


class BusAwayError(Exception):
    """The bus cannot be reached."""


class NewerFactError(Exception):
    """A fact of a newer version is there."""

    def __init__(self, version: int) -> None:
        super().__init__(version)
        self.version = version


class Announcements(Protocol):
    """Where facts about schedules go."""

    async def announce(self, fact: AnyScheduleFact, *, over_version: int = 0) -> int:
        """Store a fact, and return its place in the stream.

        Raises ``NewerFactError`` where one of a newer version is there, but for those up to ``over_version``,
        and ``BusAwayError``.
        """


class Leadership(Protocol):
    """Whether this replica is the one that compares everything."""

    def held(self) -> bool:
        """Tell whether it still is: asked before each write."""
