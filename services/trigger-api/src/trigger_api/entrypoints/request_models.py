"""What requests hold: the types that decode their bodies, and that the API's document is made from."""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta

from trigger_api.domain.trigger_settings import SecretText
from trigger_api.read_model import ConfigJson, Document
from trigger_contracts.config import (
    DstPolicy,
    EventConfig,
    ManualConfig,
    Name,
    OverlapPolicy,
    ScheduleConfig,
    Time,
    TriggerType,
    WebhookConfig,
)
from trigger_contracts.definition import WorkflowDefinition
from trigger_contracts.schedule_config import CronExpression
from trigger_contracts.schedule_requests import MAX_BACKFILL_FIRES


class _NewTrigger(Document, frozen=True, kw_only=True, tag_field="triggerType"):
    workflow_id: UUID
    name: Name
    enabled: bool = True


class CreateSchedule(_NewTrigger, frozen=True, kw_only=True, tag="schedule"):
    """A trigger that fires on a cron schedule."""

    config: ScheduleConfig


class CreateWebhook(_NewTrigger, frozen=True, kw_only=True, tag="webhook"):
    """A trigger that fires on an HTTP request."""

    config: WebhookConfig = WebhookConfig()
    secret: SecretText | None = None


class CreateEvent(_NewTrigger, frozen=True, kw_only=True, tag="event"):
    """A trigger that fires on an internal event."""

    config: EventConfig


class CreateManual(_NewTrigger, frozen=True, kw_only=True, tag="manual"):
    """A trigger that is run by hand."""

    config: ManualConfig = ManualConfig()


CreateTrigger = CreateSchedule | CreateWebhook | CreateEvent | CreateManual
"""``POST /api/triggers``."""


_AsItIs = Meta(description="As it is, or left out: it cannot be changed.")
_SeenVersion = Annotated[
    int, Meta(ge=1, le=2**31 - 1, description="The version that was seen: another one is a 412.")
]


class _Repeated(Document, frozen=True, kw_only=True):
    id: Annotated[UUID, _AsItIs] | msgspec.UnsetType = msgspec.UNSET
    version: _SeenVersion | msgspec.UnsetType = msgspec.UNSET


class _RepeatedTrigger(_Repeated, frozen=True, kw_only=True):
    workflow_id: Annotated[UUID, _AsItIs] | msgspec.UnsetType = msgspec.UNSET
    trigger_type: Annotated[TriggerType, _AsItIs] | msgspec.UnsetType = msgspec.UNSET


class PutTrigger(_RepeatedTrigger, frozen=True, kw_only=True):
    """A trigger as desired; ``config`` is that of the trigger's type, and replaced as a whole.

    What GET shows can be sent back: the fields that the service computes are passed over.
    """

    name: Name
    config: ConfigJson
    enabled: bool | None = None
    secret: SecretText | None = None


class PatchTrigger(_RepeatedTrigger, frozen=True, kw_only=True):
    """A JSON merge patch (RFC 7396): what is left out stays, ``null`` in ``config`` sets a field back.

    What GET shows can be sent back: the fields that the service computes are passed over, and ``null`` stays.
    """

    name: Name | msgspec.UnsetType = msgspec.UNSET
    enabled: bool | msgspec.UnsetType = msgspec.UNSET
    config: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET
    secret: SecretText | msgspec.UnsetType = msgspec.UNSET


class RegisterWorkflow(Document, frozen=True, kw_only=True):
    """A workflow to begin."""

    name: Name
    definition: WorkflowDefinition


class PutWorkflow(_Repeated, frozen=True, kw_only=True):
    """A workflow as desired. What GET shows can be sent back."""

    name: Name
    definition: WorkflowDefinition


class PatchWorkflow(_Repeated, frozen=True, kw_only=True):
    """A JSON merge patch (RFC 7396). What GET shows can be sent back."""

    name: Name | msgspec.UnsetType = msgspec.UNSET
    definition: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET


class ExecuteTrigger(Document, frozen=True, kw_only=True):
    """What a run by hand gets."""

    inputs: dict[str, Any] | None = None


class RotateSecret(Document, frozen=True, kw_only=True):
    """How long the secret in force stays valid beside the new one; ``secret`` is given or made up."""

    overlap_seconds: Annotated[int, Meta(ge=0, le=30 * 24 * 3600)] = 0
    secret: SecretText | None = None


class Revert(Document, frozen=True, kw_only=True):
    """The version to lead back to."""

    version: Annotated[int, Meta(ge=1, le=2**31 - 1)]


class PreviewBackfill(Document, frozen=True, kw_only=True):
    """A range that is over, both ends included: at most 366 days and 500 fires."""

    start_at: Time
    end_at: Time


class Backfill(PreviewBackfill, frozen=True, kw_only=True):
    """``expectedFires`` is what a preview has shown: other than those are not run.

    ``overlapPolicy`` is between the runs of the backfill; the schedule's own does not count.
    """

    overlap_policy: OverlapPolicy
    expected_fires: Annotated[int, Meta(ge=0, le=MAX_BACKFILL_FIRES)]


class PreviewSchedule(Document, frozen=True, kw_only=True):
    """A schedule that may not exist yet: the fields of a schedule's ``config`` that say when it fires."""

    cron_expression: CronExpression
    timezone: Annotated[
        str, Meta(min_length=1, max_length=64, extra_json_schema={"format": "iana-time-zone"})
    ] = "UTC"
    additional_expressions: Annotated[tuple[CronExpression, ...], Meta(max_length=9)] = ()
    excluded_dates: Annotated[tuple[date, ...], Meta(max_length=366)] = ()
    dst_policy: DstPolicy = DstPolicy.LITERAL
    jitter_seconds: Annotated[int, Meta(ge=0, le=24 * 3600)] = 0
    count: Annotated[int, Meta(ge=1, le=100)] = 10
    start_at: Time | None = None
    end_at: Time | None = None

    @property
    def config(self) -> ScheduleConfig:
        """The configuration that fires so."""
        return ScheduleConfig(
            cron_expression=self.cron_expression,
            timezone=self.timezone,
            additional_expressions=self.additional_expressions,
            excluded_dates=self.excluded_dates,
            dst_policy=self.dst_policy,
            jitter_seconds=self.jitter_seconds,
            start_at=self.start_at,
            end_at=self.end_at,
        )


class PreviewSaved(Document, frozen=True, kw_only=True):
    """A trigger that exists, as it is now: also one that is paused, or that Temporal does not have yet."""

    trigger_id: UUID
    count: Annotated[int, Meta(ge=1, le=100)] = 10


class AfterId(msgspec.Struct, frozen=True):
    """A page cursor: the id of the last item."""

    id: UUID


class BeforeVersion(msgspec.Struct, frozen=True):
    """A page cursor in a history: the version of the last item."""

    version: int


Limit = Annotated[int, Meta(ge=1, le=200, description="How many items a page may hold.")]
PartOfName = Annotated[
    str, Meta(min_length=1, max_length=200, description="A part of the name, in either case.")
]
PageCursor = Annotated[AfterId | None, Meta(description="The `nextCursor` of the page before.")]


class ListTriggers(Document, frozen=True, kw_only=True):
    """Which triggers."""

    workflow_id: Annotated[UUID | None, Meta(description="Only the triggers of this workflow.")] = None
    type: Annotated[TriggerType | None, Meta(description="Only triggers of this type.")] = None
    enabled: Annotated[
        bool | None, Meta(description="Only triggers that are enabled, or only those that are paused.")
    ] = None
    name: PartOfName | None = None
    limit: Limit = 50
    cursor: PageCursor = None


class ListWorkflows(Document, frozen=True, kw_only=True):
    """Which workflows."""

    name: PartOfName | None = None
    limit: Limit = 50
    cursor: PageCursor = None


class ListEvents(Document, frozen=True, kw_only=True):
    """Which part of a history."""

    limit: Limit = 50
    cursor: Annotated[
        BeforeVersion | None,
        Meta(
            description="The `nextCursor` of the page before.",
            extra_json_schema={"format": "history-cursor"},
        ),
    ] = None


class AsOf(Document, frozen=True, kw_only=True):
    """A version or a time."""

    as_of: Annotated[
        Annotated[int, Meta(ge=0, le=999_999_999)] | datetime | None,
        Meta(description="As it was at a version, or at a time. Works for what is deleted, too."),
    ] = None
