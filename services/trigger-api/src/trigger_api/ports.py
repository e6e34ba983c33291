"""What the use cases need from the world; the adapters provide it, ``app.py`` connects them."""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from trigger_api.domain.idempotency import Claimed, Once, SealedAnswer
from trigger_api.domain.recorded import Recorded
from trigger_api.domain.trigger import Trigger, TriggerEvent
from trigger_api.domain.workflow import Workflow, WorkflowEvent
from trigger_contracts.codec import Message
from trigger_contracts.config import SealedSecret
from trigger_contracts.firings import ManualFiring
from trigger_contracts.schedule_requests import (
    BackfillSchedule,
    PreviewBackfill,
    RunSchedule,
    ScheduleDescribed,
)


class NotFoundError(Exception):
    """It does not exist, or belongs to another workspace; the text says what."""


class ConcurrentChangeError(Exception):
    """Somebody else's change of the same aggregate was committed first."""


class StaleVersionError(Exception):
    """The caller's condition names another version than the one there is."""

    def __init__(self, current: int) -> None:
        super().__init__(f"the version is {current}")
        self.current = current


class TriggerDisabledError(Exception):
    """A paused trigger starts nothing."""


class SecretNotUsedError(Exception):
    """The trigger takes no secret."""


class KeyReusedError(Exception):
    """The idempotency key came before, with another request."""


class OutcomeUnknownError(Exception):
    """A request with this key may have been carried out; by now it would be refused, as the text says."""


class AnswerLostError(Exception):
    """The request was carried out before, and its answer cannot be read any more."""


class FiringNotStoredError(Exception):
    """The bus did not confirm the request to run; it may have taken it all the same."""


class FiringTooLargeError(Exception):
    """The request to run is larger than the bus takes; trying again cannot help."""


class ScheduleUnknownError(Exception):
    """Nobody can say now what Temporal has, or whether it has done what it was asked to."""


class Unit(Protocol):
    """One unit of work on the event log. What it reads it may decide on.

    What it is told to write is written at its end, all of it or nothing. That is when a lost race raises
    ``ConcurrentChangeError``, and a trigger whose workflow is not there ``NotFoundError``.
    """

    async def workflow(self, workflow_id: UUID) -> Workflow | None:
        """Return the fold of a workflow's events, and keep others from changing it until the end."""

    async def trigger(self, trigger_id: UUID) -> Trigger | None:
        """Return the fold of a trigger's events."""

    async def live_triggers(self, workflow_id: UUID) -> list[UUID]:
        """Return the triggers of a workflow that are not deleted."""

    async def hold_secrets(self, trigger_id: UUID) -> None:
        """Keep others from changing a trigger's secrets until the end, and read them."""

    def sealed_secrets(self, ids: Collection[UUID]) -> Mapping[UUID, SealedSecret]:
        """Return secrets by id, sealed, of those that were held or kept. Raises ``ConcurrentChangeError``."""

    def keep_secret(self, trigger_id: UUID, *, secret: SealedSecret, now: datetime) -> None:
        """Store a sealed secret."""

    def forget_secrets(self, trigger_id: UUID, *, but: Collection[UUID]) -> None:
        """Delete the secrets of a trigger that its state does not name any more."""

    def append_trigger(self, trigger: Trigger, *, recorded: Recorded[TriggerEvent], message: Message) -> None:
        """Append an event, project the state after it, and queue its message.

        With its first event a trigger's workflow must be there, and is kept from being deleted until the end.
        """

    def append_workflow(
        self, workflow: Workflow, *, recorded: Recorded[WorkflowEvent], message: Message
    ) -> None:
        """The same for a workflow."""

    async def claim(self, once: Once, *, now: datetime) -> Claimed:
        """Take an idempotency key until the end of the unit.

        Waits for another transaction that holds the same key. Raises ``KeyReusedError`` for another request.
        """

    async def remember(self, once: Once, *, answer: SealedAnswer) -> None:
        """Keep the answer to a key that was taken."""


class EventStore(Protocol):
    """The event log."""

    def unit(self) -> AbstractAsyncContextManager[Unit]:
        """Begin; it is written and committed when the block ends without an error."""


class Firings(Protocol):
    """Where requests to run go."""

    async def request(self, firing: ManualFiring) -> None:
        """Return once the bus has stored it; raise ``FiringNotStoredError`` or ``FiringTooLargeError``."""


@dataclass(frozen=True, slots=True)
class Fire:
    """A nominal time of a schedule, and the execution that it is."""

    fire_time: datetime
    execution_id: UUID


class LiveSchedules(Protocol):
    """Temporal, by way of scheduler-sync. All raise ``ScheduleUnknownError``.

    What is asked for again with the same id, because the answer was lost, is done once: a run for as long as
    Temporal remembers closed workflows, a backfill for some hundreds of the schedule's fires.
    """

    async def describe(self, trigger_id: UUID) -> ScheduleDescribed:
        """Return what Temporal has now."""

    async def run(self, request: RunSchedule) -> None:
        """Start a run; raises ``InvalidError`` where it will not be."""

    async def preview_backfill(self, request: PreviewBackfill) -> Sequence[Fire]:
        """Return what a backfill would run; raises ``InvalidError`` for a range that cannot be."""

    async def backfill(self, request: BackfillSchedule) -> Sequence[Fire]:
        """Run it; raises ``InvalidError`` where it is not what was expected."""


@dataclass(frozen=True, slots=True)
class ClockAndIds:
    """Time and randomness, handed in so that decisions can be repeated."""

    now: Callable[[], datetime]
    new_id: Callable[[], UUID]
    random_bytes: Callable[[int], bytes]


class Vault(Protocol):
    """Seals what must not be kept in the clear."""

    def seal_secret(self, secret: str, *, secret_id: UUID, trigger_id: UUID) -> SealedSecret:
        """Return a webhook's secret, sealed for one trigger."""

    def seal_answer(self, answer: bytes, *, once: Once) -> SealedAnswer:
        """Return an answer, sealed for one idempotency key."""

    def open_answer(self, sealed: SealedAnswer, *, once: Once) -> bytes:
        """Return an answer. Raises ``AnswerLostError`` where its key is no longer in the ring."""
