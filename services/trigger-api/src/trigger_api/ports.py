"""What the use cases need from the world; the adapters provide it, ``app.py`` connects them."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from trigger_api.domain.aggregate import Aggregate, Author, E, EventRef, Recorded, S
from trigger_api.domain.idempotency import ClaimedKey, IdempotencyKey, SealedResponse
from trigger_api.read_model import BackfillDocument, RunnableTrigger, TriggerView
from trigger_contracts.config import SealedSecret
from trigger_contracts.firings import ManualFiring
from trigger_contracts.samples import DeliveryExplained, DeliverySample, ExplainDelivery
from trigger_contracts.schedule_requests import (
    BackfillSchedule,
    PreviewBackfill,
    RunSchedule,
    ScheduleDescribed,
)


class NotFoundError(Exception):
    """It does not exist, or belongs to another workspace; the text says what."""


class ConcurrentChangeError(Exception):
    """Another change of the same aggregate was committed first."""


class StaleVersionError(Exception):
    """The caller's condition names another version than the current one. ``why`` is for a person."""

    def __init__(self, current: int, *, why: str | None = None) -> None:
        super().__init__(f"the version is {current}")
        self.current = current
        self.why = why


class TriggerDisabledError(Exception):
    """A paused trigger starts nothing."""


class SecretNotUsedError(Exception):
    """The trigger takes no secret."""


class KeyReusedError(Exception):
    """The idempotency key came before, with another request."""


class OutcomeUnknownError(Exception):
    """A request with this key may have been carried out; by now it would be refused, as the text says."""


class ResponseLostError(Exception):
    """The request was carried out before, and its response cannot be read any more."""


class FiringUnconfirmedError(Exception):
    """The bus did not confirm the request to run; it may have stored it all the same."""


class FiringTooLargeError(Exception):
    """The request to run is larger than the bus takes; trying again cannot help."""


class ScheduleUnavailableError(Exception):
    """It is not known now what Temporal has, or whether it has done what it was asked to."""


class UnitOfWork(Protocol):
    """One unit of work on the event log. What it loads may be the base of a decision.

    What is appended and stored is written at its end, all of it or nothing. That is when a lost race raises
    ``ConcurrentChangeError``, and an aggregate whose parent does not exist ``NotFoundError``.
    """

    async def load(self, aggregate: Aggregate[S, E], stream_id: UUID) -> S | None:
        """Return the fold of an aggregate's events.

        One without a parent stays locked until the end, so that no child of it begins meanwhile.
        """

    async def load_children(self, aggregate: Aggregate[S, E], *, parent_id: UUID) -> list[S]:
        """Return the aggregates of a parent that have not ended."""

    async def append(
        self,
        aggregate: Aggregate[S, E],
        state: S | None,
        *,
        events: Sequence[E],
        at: datetime,
        author: Author,
        cause: EventRef | None = None,
    ) -> S:
        """Append events after ``state``, each with its projection and its message; return the new state.

        Secrets that the new state does not name any more are deleted.
        """

    def store_secret(self, trigger_id: UUID, *, secret: SealedSecret, at: datetime) -> None:
        """Store a sealed secret, which an event that is appended afterwards names."""

    async def claim(self, key: IdempotencyKey, *, now: datetime) -> ClaimedKey:
        """Claim an idempotency key until the end of the unit.

        Waits for another transaction that holds the same key. Raises ``KeyReusedError`` for another request.
        """

    async def store_response(self, key: IdempotencyKey, *, response: SealedResponse) -> None:
        """Store the response to a request whose key was claimed."""


class EventStore(Protocol):
    """The event log."""

    def unit(self) -> AbstractAsyncContextManager[UnitOfWork]:
        """Begin; it is written and committed when the block ends without an error."""

    async def history(
        self, aggregate: Aggregate[S, E], stream_id: UUID, *, workspace: str
    ) -> list[Recorded[E]]:
        """Return an aggregate's events in their order, also of a deleted one.

        The list is empty where the workspace has no such aggregate.
        """


class TriggerDirectory(Protocol):
    """What is shown of triggers, one workspace at a time."""

    async def trigger(self, trigger_id: UUID, *, workspace: str) -> TriggerView | None:
        """Return a trigger; ``None`` where the workspace has no such one."""

    async def runnable(self, trigger_id: UUID, *, workspace: str) -> RunnableTrigger | None:
        """Return a trigger and the version of its workflow; ``None`` where the workspace has no such one."""


class Firings(Protocol):
    """Where requests to run go."""

    async def publish(self, firing: ManualFiring) -> None:
        """Return once the bus has stored it. Raises ``FiringUnconfirmedError``, ``FiringTooLargeError``."""


class LiveSchedules(Protocol):
    """Temporal, by way of scheduler-sync. All raise ``ScheduleUnavailableError``.

    A request that is repeated with the same id, because the reply was lost, is carried out once: a run for as
    long as Temporal remembers closed workflows, a backfill for some hundreds of the schedule's fires.
    """

    async def describe(self, trigger_id: UUID) -> ScheduleDescribed:
        """Return what Temporal has now."""

    async def run(self, request: RunSchedule) -> None:
        """Start a run. Raises ``InvalidError`` where Temporal refuses it."""

    async def preview_backfill(self, request: PreviewBackfill) -> BackfillDocument:
        """Return what a backfill would run. Raises ``InvalidError`` for a range that is not possible."""

    async def backfill(self, request: BackfillSchedule) -> BackfillDocument:
        """Run it. Raises ``InvalidError`` where it is not what was expected."""


class SampleUnavailableError(Exception):
    """The service that decides, or has the record, does not answer now."""


class SampleDoor(Protocol):
    """webhook-ingress and execution-recorder, for tests with a sample. Raise ``SampleUnavailableError``."""

    async def explain(self, request: ExplainDelivery) -> DeliveryExplained:
        """Return what the door would do."""

    async def recorded(self, log_id: UUID, *, trigger_id: UUID, workspace: str) -> DeliverySample:
        """Return a recorded request. Raises ``InvalidError`` where the trigger has no such one."""


@dataclass(frozen=True, slots=True)
class ClockAndIds:
    """Time and randomness, handed in so that decisions can be repeated."""

    now: Callable[[], datetime]
    new_id: Callable[[], UUID]
    random_bytes: Callable[[int], bytes]


class Vault(Protocol):
    """Seals what is not stored in the clear."""

    def seal_secret(self, secret: str, *, secret_id: UUID, trigger_id: UUID) -> SealedSecret:
        """Return a webhook's secret, sealed for one trigger."""

    def seal_response(self, response: bytes, *, key: IdempotencyKey) -> SealedResponse:
        """Return a response, sealed for one idempotency key."""

    def open_response(self, sealed: SealedResponse, *, key: IdempotencyKey) -> bytes:
        """Return a response. Raises ``ResponseLostError`` where its key is no longer in the ring."""
