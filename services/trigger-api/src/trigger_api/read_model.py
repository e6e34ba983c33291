"""What can be asked of the projections, and what comes back."""

from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Protocol, TypeVar
from uuid import UUID

from trigger_api.domain.recorded import Recorded
from trigger_api.domain.trigger import TriggerEvent
from trigger_contracts.config import AnyTriggerConfig
from trigger_contracts.definition import WorkflowDefinition

V_co = TypeVar("V_co", covariant=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerView:
    """A trigger as the API shows it. ``next_scheduled_at`` is the next fire that Temporal announced."""

    id: UUID
    workflow_id: UUID
    name: str
    enabled: bool
    config: AnyTriggerConfig
    version: int
    temporal_schedule_id: str | None
    next_scheduled_at: datetime | None
    last_triggered_at: datetime | None
    trigger_count: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowView:
    """A workflow as the API shows it."""

    id: UUID
    name: str
    definition: WorkflowDefinition
    version: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerFilter:
    """``None`` filters nothing."""

    workflow_id: UUID | None = None
    trigger_type: str | None = None
    enabled: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[V_co]):
    """``last`` is the key to go on after; ``None`` on the last page."""

    items: tuple[V_co, ...]
    last: UUID | None


class ReadModel(Protocol):
    """Reads one workspace at a time; what belongs to another one does not exist."""

    async def trigger(self, trigger_id: UUID, *, workspace: str, now: datetime) -> TriggerView | None:
        """Return a trigger."""

    async def triggers(
        self, *, workspace: str, where: TriggerFilter, before: UUID | None, limit: int, now: datetime
    ) -> Page[TriggerView]:
        """Return triggers, newest first."""

    async def workflow(self, workflow_id: UUID, *, workspace: str) -> WorkflowView | None:
        """Return a workflow."""

    async def workflows(self, *, workspace: str, before: UUID | None, limit: int) -> Page[WorkflowView]:
        """Return workflows, newest first."""


class History(Protocol):
    """Reads the log itself."""

    async def trigger_history(self, trigger_id: UUID) -> list[Recorded[TriggerEvent]]:
        """Return a trigger's events, oldest first."""
