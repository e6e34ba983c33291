"""What the use cases need from the world; the adapters provide it, ``app.py`` connects them."""

from collections.abc import AsyncIterator, Iterable
from typing import Protocol
from uuid import UUID

from scheduler_sync.domain.desired import DesiredSchedule
from scheduler_sync.domain.live import LiveSchedule
from scheduler_sync.domain.plan import ActualSchedule
from trigger_contracts.config import TriggerState
from trigger_contracts.schedules import AnyScheduleFact


class TemporalAwayError(Exception):
    """Temporal cannot be reached, or somebody else was faster: looking again later helps."""


class ScheduleRefusedError(Exception):
    """Temporal will not take the schedule as it is; the text says why."""


class Schedules(Protocol):
    """Temporal's schedules. Everything raises ``TemporalAwayError``."""

    async def describe(self, schedule_id: str) -> ActualSchedule | None:
        """Return a schedule as it is now."""

    async def create(self, desired: DesiredSchedule) -> None:
        """Create. Raises ``ScheduleRefusedError``."""

    async def update(self, desired: DesiredSchedule) -> None:
        """Replace. Raises ``ScheduleRefusedError``."""

    async def delete(self, schedule_id: str) -> None:
        """Delete; one that is gone already is a success."""

    def all(self) -> AsyncIterator[ActualSchedule]:
        """List every schedule under our prefix. The list is eventually consistent."""


class LiveSchedules(Protocol):
    """Temporal's schedules, for somebody who waits for the answer."""

    async def live(self, schedule_id: str) -> LiveSchedule | None:
        """Return what a schedule does now. Raises ``TemporalAwayError``, within 2 s."""


class Configuration(Protocol):
    """The triggers."""

    async def latest(self, trigger_id: UUID) -> TriggerState | None:
        """Return a trigger as the bus has it now, tombstones included. Raises ``BusAwayError``."""

    def schedule_triggers(self) -> Iterable[TriggerState]:
        """Return all schedule triggers that are known, tombstones included."""

    def unreadable_triggers(self) -> Iterable[UUID]:
        """Return the triggers whose newest state cannot be read: their schedules are left as they are."""


class BusAwayError(Exception):
    """The bus cannot be reached."""


class Announcements(Protocol):
    """Where facts about schedules go."""

    async def announce(self, fact: AnyScheduleFact) -> None:
        """Store a fact. Raises ``BusAwayError``."""
