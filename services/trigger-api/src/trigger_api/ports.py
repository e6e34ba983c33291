"""What the use cases need from the world; the adapters provide it, ``app.py`` connects them."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from trigger_api.domain.recorded import Recorded
from trigger_api.domain.trigger import Trigger, TriggerEvent
from trigger_api.domain.workflow import Workflow, WorkflowEvent
from trigger_contracts.codec import Message
from trigger_contracts.config import SealedSecret
from trigger_contracts.firings import ManualFiring


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


class FiringNotStoredError(Exception):
    """The bus did not confirm the request to run; it may have taken it all the same."""


class FiringTooLargeError(Exception):
    """The request to run is larger than the bus takes; trying again cannot help."""


class Unit(Protocol):
    """One transaction on the event log. What it reads it may decide on; a lost race raises at the end."""

    async def workflow(self, workflow_id: UUID) -> Workflow | None:
        """Return the fold of a workflow's events, and keep others from changing it until the end."""

    async def trigger(self, trigger_id: UUID) -> Trigger | None:
        """Return the fold of a trigger's events."""

    async def workflow_is_live(self, workflow_id: UUID, *, workspace: str) -> bool:
        """Tell whether a workflow exists, and keep it from being deleted until the end."""

    async def live_triggers(self, workflow_id: UUID) -> list[UUID]:
        """Return the triggers of a workflow that are not deleted."""

    async def sealed_secrets(self, trigger_id: UUID) -> dict[UUID, SealedSecret]:
        """Return a trigger's secrets by id, sealed."""

    async def keep_secret(self, trigger_id: UUID, *, secret: SealedSecret, now: datetime) -> None:
        """Store a sealed secret."""

    async def append_trigger(
        self, trigger: Trigger, *, recorded: Recorded[TriggerEvent], message: Message
    ) -> None:
        """Append an event, project the state after it, and queue its message.

        Raises ``ConcurrentChangeError``.
        """

    async def append_workflow(
        self, workflow: Workflow, *, recorded: Recorded[WorkflowEvent], message: Message
    ) -> None:
        """The same for a workflow."""


class EventStore(Protocol):
    """The event log."""

    def unit(self) -> AbstractAsyncContextManager[Unit]:
        """Begin a transaction; it commits when the block ends without an error."""


class Firings(Protocol):
    """Where requests to run go."""

    async def request(self, firing: ManualFiring) -> None:
        """Return once the bus has stored it; raise ``FiringNotStoredError`` or ``FiringTooLargeError``."""


@dataclass(frozen=True, slots=True)
class Chance:
    """Time and randomness, handed in so that decisions can be repeated."""

    now: Callable[[], datetime]
    new_id: Callable[[], UUID]
    new_secret: Callable[[], str]


class Seal(Protocol):
    """Seals secrets for the store and the bus."""

    def __call__(self, secret: str, *, secret_id: UUID, trigger_id: UUID) -> SealedSecret:
        """Return the secret, sealed for one trigger."""
