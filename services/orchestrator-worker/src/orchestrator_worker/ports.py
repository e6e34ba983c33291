"""What the use cases and activities need of Temporal and the bus."""

from collections.abc import AsyncIterator, Container
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from orchestrator_worker.domain.closed_runs import ClosedRun
from trigger_contracts.backfills import BackfillRequested
from trigger_contracts.config import TriggerState, WorkflowState
from trigger_contracts.events import CloudEvent
from trigger_contracts.executions import ExecutionFact
from trigger_contracts.workflow_io import TriggeredInput


class StartUnavailableError(Exception):
    """Temporal is unreachable, overloaded or not set up; a later try can succeed."""


class StartRefusedError(Exception):
    """Temporal refuses this start for good; the text says why."""


class FactTooLargeError(Exception):
    """The fact is larger than the bus takes; another try cannot succeed."""


class WorkflowStarter(Protocol):
    """Starts ``triggeredWorkflow`` in Temporal."""

    async def start(self, start: TriggeredInput) -> None:
        """Start a run; one that was started before, running or closed, is a success.

        Raises ``StartUnavailableError`` or ``StartRefusedError``.
        """


class DedupWindow(Protocol):
    """How long ``WorkflowStarter`` knows that something was started before."""

    def retention(self) -> timedelta:
        """Return how long a closed workflow's id is remembered. Raises ``StartUnavailableError``."""


class Bodies(Protocol):
    """The object store of the bodies that are too large for messages."""

    async def get(self, key: str, *, size: int, sha256: str) -> bytes:
        """Return exactly these bytes.

        Raises ``ObjectMissingError``, ``ObjectDamagedError`` or ``BusUnavailableError``.
        """


class ExecutionLog(Protocol):
    """Where the facts of executions go."""

    async def record(self, fact: ExecutionFact) -> None:
        """Store a fact; the same fact again, within the bus's window, is stored once.

        Raises ``BusUnavailableError`` or ``FactTooLargeError``.
        """


class WorkflowDefinitions(Protocol):
    """Workflows as they are now."""

    async def latest(self, workflow_id: UUID) -> WorkflowState | None:
        """Return a workflow's last state, which may be a tombstone; ``None`` where it never existed.

        Raises ``BusUnavailableError`` or ``trigger_contracts.codec.ContractError``.
        """


class TemporalUnavailableError(Exception):
    """Temporal cannot tell now."""


class OpenRun:
    """A run that is not closed."""


class Runs(Protocol):
    """The runs of ``triggeredWorkflow`` in Temporal. Raise ``TemporalUnavailableError``."""

    def ended_from_outside(self, *, since: datetime, known: Container[str]) -> AsyncIterator[ClosedRun]:
        """Yield those that were terminated or timed out since then, but for the run ids that are known."""

    async def look_up(self, workflow_id: str, *, run_id: str | None) -> ClosedRun | OpenRun | None:
        """Return a run, or the last one of the id; ``None`` where Temporal does not know it."""


class Backfills(Protocol):
    """Which fires people asked to run again. Raise ``BusUnavailableError``."""

    def requests(self, trigger_id: UUID) -> AsyncIterator[BackfillRequested]:
        """Yield the backfills of a trigger, oldest first."""

    async def claim(self, request: BackfillRequested, *, nominal_time: datetime, run_id: str) -> bool:
        """Claim a fire of a backfill for a run; tell whether it is this run's, now or from before."""


class EventDirectory(Protocol):
    """The event triggers that are known."""

    async def matching(self, event: CloudEvent) -> list[TriggerState]:
        """Return the triggers that an event starts; one whose condition cannot be evaluated is not."""
