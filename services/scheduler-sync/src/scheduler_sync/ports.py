"""What the use cases need from Temporal and the bus.

The adapters provide it. Where the bus cannot be reached, they raise ``BusUnavailableError`` of the runtime.
"""

from collections.abc import AsyncIterator, Iterable
from datetime import datetime
from typing import Protocol
from uuid import UUID

from scheduler_sync.domain.desired import DesiredSchedule
from scheduler_sync.domain.live import LiveSchedule
from scheduler_sync.domain.plan import ActualSchedule
from trigger_contracts.backfills import BackfillRequested
from trigger_contracts.config import OverlapPolicy, TriggerState
from trigger_contracts.schedules import AnyScheduleFact
from trigger_contracts.workflow_io import TriggeredInput


class TemporalUnavailableError(Exception):
    """Temporal cannot be reached, or another writer was faster: try again later."""


class ScheduleExistsError(TemporalUnavailableError):
    """The schedule exists by now: describe it."""


class ScheduleRefusedError(Exception):
    """Temporal does not take the schedule as it is; the text says why."""


class ScheduleMissingError(Exception):
    """Temporal has no such schedule."""


class NewerFactError(Exception):
    """The stream has a fact of a newer version."""

    def __init__(self, version: int) -> None:
        super().__init__(version)
        self.version = version


class Schedules(Protocol):
    """Temporal's schedules. Everything raises ``TemporalUnavailableError``."""

    async def describe(
        self, schedule_id: str, *, expected: DesiredSchedule | None = None
    ) -> ActualSchedule | None:
        """Return a schedule as it is now.

        ``edited_by_hand`` is set where it has the note of ``expected`` and is another schedule all the same.
        """

    async def create(self, desired: DesiredSchedule) -> None:
        """Create. Raises ``ScheduleExistsError`` or ``ScheduleRefusedError``."""

    async def update(self, desired: DesiredSchedule) -> None:
        """Replace the whole schedule. Raises ``ScheduleRefusedError``."""

    async def pause(self, schedule_id: str, *, note: str) -> None:
        """Pause, and write the note in the same step."""

    async def resume(self, schedule_id: str, *, note: str) -> None:
        """Resume, and write the note in the same step."""

    async def delete(self, schedule_id: str) -> bool:
        """Delete; return whether there was one."""

    def all(self) -> AsyncIterator[ActualSchedule]:
        """List every schedule under our prefix. The list is eventually consistent."""


class LiveSchedules(Protocol):
    """Temporal, for a caller who waits. All raise ``TemporalUnavailableError``, within 2 s."""

    async def live(self, schedule_id: str) -> LiveSchedule | None:
        """Return what a schedule does now, and did of late."""

    async def start(self, start: TriggeredInput) -> str:
        """Start a run and return its workflow's id; a run that was started before is a success.

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


class BackfillRecords(Protocol):
    """Where it is written down which fires a backfill runs."""

    async def record(self, request: BackfillRequested) -> None:
        """Return once it is stored. Raises ``BusUnavailableError``."""


class Configuration(Protocol):
    """The triggers, by the stream ``CONFIG``."""

    async def latest(self, trigger_id: UUID) -> TriggerState | None:
        """Return a trigger as the stream has it now, tombstones included.

        ``None`` also where this release cannot read its state: the schedule is left as it is.
        """

    def known(self, trigger_id: UUID) -> TriggerState | None:
        """Return a schedule trigger as it is in memory, tombstones included."""

    def schedule_triggers(self) -> Iterable[TriggerState]:
        """Return all schedule triggers in memory, tombstones included, without the unreadable ones."""

    def unreadable_triggers(self) -> Iterable[UUID]:
        """Return the triggers whose newest state cannot be read: their schedules are left as they are."""


class FactStream(Protocol):
    """Where facts about schedules go: the stream ``SCHEDULES``."""

    async def publish(self, fact: AnyScheduleFact, *, over_version: int = 0) -> int:
        """Store a fact, and return its place in the stream.

        Raises ``NewerFactError`` where the stream has a fact of a newer version. Those up to ``over_version``
        do not count.
        """


class Leadership(Protocol):
    """Whether this replica is the one that compares everything."""

    def is_leader(self) -> bool:
        """Tell whether it still is: asked before each write."""
