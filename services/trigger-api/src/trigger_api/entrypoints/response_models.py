"""From what is stored to what the API shows."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec
import structlog

from trigger_api.domain.idempotency import StoredResponse
from trigger_api.domain.trigger_settings import config_fields
from trigger_api.entrypoints.http import stored_response
from trigger_api.read_model import (
    ConditionDocument,
    ConfigJson,
    Document,
    PreviousSecretDocument,
    TriggerView,
    WorkflowDocument,
)
from trigger_contracts.config import (
    Time,
    TriggerType,
    trigger_type_of,
)
from trigger_contracts.schedules import schedule_id
from trigger_validation import FieldError


class FieldWarning(Document, frozen=True, kw_only=True):
    """What looks odd in a request that was taken all the same; ``pointer`` is into its body."""

    pointer: str
    detail: str


class TriggerDocument(Document, frozen=True, kw_only=True):
    """A trigger. What does not apply, or is not known of an earlier day, is null."""

    id: UUID
    workflow_id: UUID
    name: str
    trigger_type: TriggerType
    enabled: bool
    config: ConfigJson
    version: int
    webhook_url: str | None
    webhook_secret: str | None
    """Only in the answer to the request that put it in force."""
    previous_secret: PreviousSecretDocument | None
    condition: ConditionDocument | None
    temporal_schedule_id: str | None
    next_scheduled_at: Time | None
    schedule_error: str | None
    last_triggered_at: Time | None
    trigger_count: int | None
    created_at: Time
    updated_at: Time
    warnings: list[FieldWarning]
    """Only in the answer to the request that they are about; empty in every other one."""


class TriggerPage(Document, frozen=True, kw_only=True):
    """Triggers, newest first."""

    items: list[TriggerDocument]
    next_cursor: str | None


class WorkflowPage(Document, frozen=True, kw_only=True):
    """Workflows, newest first."""

    items: list[WorkflowDocument]
    next_cursor: str | None


class CauseDocument(Document, frozen=True, kw_only=True):
    """The event that another one follows from."""

    id: UUID
    version: int


class ChangeDocument(msgspec.Struct, frozen=True, kw_only=True, rename={"before": "from", "after": "to"}):
    """What was there and what is; left out where there was or is nothing."""

    before: Any = msgspec.UNSET
    after: Any = msgspec.UNSET


class EventDocument(Document, frozen=True, kw_only=True):
    """One event of a history. ``changes`` is by JSON pointer; secrets are named by id, never shown."""

    version: int
    type: str
    at: Time
    actor: str
    request_id: str
    summary: str
    changes: dict[str, ChangeDocument]
    caused_by: CauseDocument | None


class EventPage(Document, frozen=True, kw_only=True):
    """Events, newest first."""

    items: list[EventDocument]
    next_cursor: str | None


class ExecutionAccepted(Document, frozen=True, kw_only=True):
    """The promise of a run."""

    success: bool
    execution_id: UUID


class FireTime(Document, frozen=True, kw_only=True):
    """One moment, by both clocks."""

    utc: Time
    local: str
    """RFC 3339, with the zone's offset at that moment."""


class WarningDocument(Document, frozen=True, kw_only=True):
    """Something to know about a schedule, in words."""

    kind: str
    message: str
    date: date | None


class PreviewDocument(Document, frozen=True, kw_only=True):
    """When a schedule would fire."""

    fire_times: list[FireTime]
    description: str
    warnings: list[WarningDocument]


class DroppedFiresDocument(Document, frozen=True, kw_only=True):
    """How many fires Temporal dropped since the schedule was created: no run was started for them."""

    missed_catchup_window: int
    """Temporal was away for longer than ``catchupWindowSeconds``."""
    skipped_overlap: int
    """Another run still went, and ``overlapPolicy`` let no more wait."""
    buffer_full: int
    """Over 1,000 fires waited already."""


class ScheduleDocument(Document, frozen=True, kw_only=True):
    """A trigger's schedule: as Temporal has it (``live``), or as it was last known."""

    schedule_id: str
    state: str
    next_fire_times: list[Time]
    recent_fire_times: list[Time]
    running_workflow_ids: list[str]
    """In Temporal; those of the overlap policy ``allowAll`` are not known."""
    live: bool
    error: str | None
    dropped_fires: DroppedFiresDocument | None
    """``null`` where Temporal could not be asked."""


class TriggerTypeDocument(Document, frozen=True, kw_only=True):
    """A type of trigger, and the JSON Schema (2020-12) of its ``config``."""

    type: TriggerType
    description: str
    config_schema: dict[str, Any]


class ProviderDocument(Document, frozen=True, kw_only=True):
    """A provider that webhooks know by name: what its secret is, and who makes it up."""

    id: str
    secret: str
    is_secret_from_provider: bool = msgspec.field(name="secretIsGivenByProvider")
    secret_pattern: str


class TriggerTypesDocument(Document, frozen=True, kw_only=True):
    """What can be configured."""

    items: list[TriggerTypeDocument]
    providers: list[ProviderDocument]
    time_zone_data: str
    """The edition of the time zone database that decides, such as ``2026f``."""


def trigger_document(
    view: TriggerView,
    *,
    public_url: str,
    now: datetime,
    secret: str | None = None,
    warnings: Sequence[FieldError] = (),
) -> TriggerDocument:
    """Return a trigger. ``secret`` is given only in the answer to the request that made it."""
    kind = trigger_type_of(view.config)
    return TriggerDocument(
        id=view.id,
        workflow_id=view.workflow_id,
        name=view.name,
        trigger_type=kind,
        enabled=view.enabled,
        config=config_fields(view.config),
        version=view.version,
        webhook_url=webhook_url(view.id, public_url=public_url) if kind is TriggerType.WEBHOOK else None,
        webhook_secret=secret,
        previous_secret=view.previous_secret(now),
        condition=view.failed_condition(),
        temporal_schedule_id=schedule_id(view.id) if kind is TriggerType.SCHEDULE else None,
        next_scheduled_at=view.next_scheduled_at(now),
        schedule_error=view.activity.schedule_error,
        last_triggered_at=view.activity.last_triggered_at,
        trigger_count=view.activity.trigger_count,
        created_at=view.created_at,
        updated_at=view.updated_at,
        warnings=[FieldWarning(pointer=warning.pointer, detail=warning.detail) for warning in warnings],
    )


def webhook_url(trigger_id: UUID, *, public_url: str) -> str:
    """Return where a trigger's webhooks go."""
    return f"{public_url}/api/webhooks/{trigger_id}"


def run_accepted(execution_id: UUID) -> StoredResponse:
    """Return the 202 that promises a run; the log of the request names the run, too."""
    structlog.contextvars.bind_contextvars(execution_id=str(execution_id))
    return stored_response(
        ExecutionAccepted(success=True, execution_id=execution_id),
        status=202,
        headers={"X-Execution-Id": str(execution_id)},
    )
