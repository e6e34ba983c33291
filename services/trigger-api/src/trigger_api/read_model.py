"""What can be asked of the projections, and what comes back."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

import msgspec
from msgspec import Meta

from trigger_api.domain.trigger import Trigger
from trigger_api.domain.workflow import Workflow
from trigger_contracts.condition_failures import expression_digest
from trigger_contracts.config import (
    AnyTriggerConfig,
    EventConfig,
    ManualConfig,
    ScheduleConfig,
    Time,
    WebhookConfig,
)
from trigger_contracts.definition import WorkflowDefinition

V_co = TypeVar("V_co", covariant=True)

ConfigJson = Annotated[
    dict[str, Any],
    Meta(
        extra_json_schema={
            "anyOf": [
                {"$ref": f"#/components/schemas/{kind.__name__}"}
                for kind in (ScheduleConfig, WebhookConfig, EventConfig, ManualConfig)
            ]
        }
    ),
]
"""A trigger's configuration as JSON, without its tag."""


class Document(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What every request and response of the API extends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedCondition:
    """A condition that could not be evaluated, at least ``failures`` times."""

    expression_sha256: str
    failures: int
    last_failed_at: datetime
    detail: str
    trigger_version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """What the bus says of a trigger. ``schedule_error`` is why Temporal does not have it as configured."""

    trigger_count: int | None = 0
    """``None`` where it is not known: of an earlier day."""
    last_triggered_at: datetime | None = None
    next_fire_times: tuple[datetime, ...] = ()
    schedule_version: int | None = None
    """Of the trigger, that Temporal has been given, or that was refused."""
    schedule_error: str | None = None
    previous_secret_id: UUID | None = None
    previous_secret_used_at: datetime | None = None
    condition: FailedCondition | None = None


class PreviousSecretDocument(Document, frozen=True, kw_only=True):
    """A secret that was rotated away and is still accepted; ``lastUsedAt`` is as coarse as a minute."""

    valid_until: Time
    last_used_at: Time | None


class ConditionDocument(Document, frozen=True, kw_only=True):
    """The trigger's expression could not be evaluated, ``failures`` times or more, and so started nothing.

    ``detail`` is the reason of the last time, and ``triggerVersion`` the trigger's version by then. Another
    expression begins again.
    """

    failures: int
    last_failed_at: Time
    detail: str
    trigger_version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerView:
    """A trigger as the API shows it."""

    id: UUID
    workflow_id: UUID
    name: str
    enabled: bool
    config: AnyTriggerConfig
    version: int
    created_at: datetime
    updated_at: datetime
    previous_secret_id: UUID | None
    previous_secret_valid_until: datetime | None
    activity: Activity

    def previous_secret(self, now: datetime) -> PreviousSecretDocument | None:
        """Return the secret that was rotated away and still counts."""
        until = self.previous_secret_valid_until
        if until is None or until <= now:
            return None
        known = self.activity.previous_secret_id == self.previous_secret_id
        return PreviousSecretDocument(
            valid_until=until, last_used_at=self.activity.previous_secret_used_at if known else None
        )

    def failed_condition(self) -> ConditionDocument | None:
        """Return how the expression that the trigger has now failed."""
        expression, failed = getattr(self.config, "expression", None), self.activity.condition
        if expression is None or failed is None or failed.expression_sha256 != expression_digest(expression):
            return None
        return ConditionDocument(
            failures=failed.failures,
            last_failed_at=failed.last_failed_at,
            detail=failed.detail,
            trigger_version=failed.trigger_version,
        )

    def next_scheduled_at(self, now: datetime) -> datetime | None:
        """Return the next fire that Temporal has reported."""
        times = self.activity.next_fire_times if self.enabled else ()
        return next((moment for moment in times if moment > now), None)

    def published_times(self, now: datetime) -> tuple[datetime, ...]:
        """Return the next fires that Temporal has reported for just this version."""
        activity = self.activity
        if not self.enabled or activity.schedule_error or activity.schedule_version != self.version:
            return ()
        return tuple(moment for moment in activity.next_fire_times if moment > now)


def view_of(trigger: Trigger, *, activity: Activity) -> TriggerView:
    """Return the view of a trigger that a command has just led to."""
    previous = trigger.previous_secret
    return TriggerView(
        id=trigger.id,
        workflow_id=trigger.workflow_id,
        name=trigger.name,
        enabled=trigger.enabled,
        config=trigger.config,
        version=trigger.version,
        created_at=trigger.created_at,
        updated_at=trigger.updated_at,
        previous_secret_id=previous.id if previous else None,
        previous_secret_valid_until=previous.valid_until if previous else None,
        activity=activity,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnableTrigger:
    """What a run by hand needs to know."""

    id: UUID
    name: str
    enabled: bool
    config: AnyTriggerConfig
    version: int
    workflow_id: UUID
    workflow_version: int


class WorkflowDocument(Document, frozen=True, kw_only=True):
    """A workflow."""

    id: UUID
    name: str
    definition: WorkflowDefinition
    version: int
    created_at: Time
    updated_at: Time


def workflow_document(workflow: Workflow) -> WorkflowDocument:
    """Return a workflow that a command has just led to, or that was."""
    return WorkflowDocument(
        id=workflow.id,
        name=workflow.name,
        definition=workflow.definition,
        version=workflow.version,
        created_at=workflow.created_at,
        updated_at=workflow.updated_at,
    )


class FireDocument(Document, frozen=True, kw_only=True):
    """A nominal time of a schedule, and the execution that it is."""

    fire_time: Time
    execution_id: UUID


class BackfillDocument(Document, frozen=True, kw_only=True):
    """What a backfill runs, oldest first."""

    fires: list[FireDocument]


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerFilter:
    """``None`` filters nothing."""

    workflow_id: UUID | None = None
    trigger_type: str | None = None
    enabled: bool | None = None
    name: str | None = None
    """A part of the name, in either case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[V_co]):
    """``last`` is the key to go on after; ``None`` on the last page."""

    items: tuple[V_co, ...]
    last: UUID | None
