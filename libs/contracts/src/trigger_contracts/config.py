"""Stream ``CONFIG``: what triggers and workflows are, as the event and the whole state after it.

Consumers may keep only the state with the highest version; a deleted aggregate leaves a tombstone
(``deleted_at``), never silence.
"""

from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from msgspec import Meta

from trigger_contracts.codec import Codec, Message, Part
from trigger_contracts.definition import WorkflowDefinition
from trigger_contracts.option_versions import options_version
from trigger_contracts.schedule_config import DstPolicy, OverlapPolicy, ScheduleConfig
from trigger_contracts.trigger_config import ConditionText, Filters, Name, Time, TriggerConfig, TriggerType
from trigger_contracts.webhook_config import (
    AuthType,
    HttpMethod,
    ResponseFormat,
    WebhookConfig,
)

__all__ = [
    "TRIGGERS",
    "WORKFLOWS",
    "AnyTriggerConfig",
    "AuthType",
    "Change",
    "DstPolicy",
    "EventConfig",
    "HttpMethod",
    "ManualConfig",
    "Name",
    "OverlapPolicy",
    "ResponseFormat",
    "ScheduleConfig",
    "SealedSecret",
    "Time",
    "TriggerChanged",
    "TriggerChanged2",
    "TriggerConfig",
    "TriggerState",
    "TriggerType",
    "WebhookConfig",
    "WorkflowChanged",
    "WorkflowState",
    "trigger_changed",
    "trigger_type_of",
]


class EventConfig(TriggerConfig, tag="event", frozen=True, kw_only=True):
    """Fires on an internal CloudEvent of a type (or, ending in ``.*``, of all types below it)."""

    event_type: Annotated[str, Meta(min_length=1, max_length=500, extra_json_schema={"format": "event-type"})]
    source: Annotated[str, Meta(max_length=2000)] | None = None
    filters: Filters = msgspec.field(default_factory=dict)
    """Path into the event, such as ``data.items[0].sku`` → the value that must stand there."""
    expression: ConditionText | None = None
    """A condition in CEL on ``event``; see ``libs/expressions``."""


class ManualConfig(TriggerConfig, tag="manual", frozen=True, kw_only=True):
    """Fires when a person or a program asks for it."""

    input_schema: dict[str, Any] | None = None
    """A JSON Schema (2020-12) for the inputs."""
    require_inputs: bool = False
    inputs: dict[str, Any] = msgspec.field(default_factory=dict)
    """What a run gets where it does not say otherwise; given inputs win key by key."""
    description: Annotated[str, Meta(max_length=2000)] | None = None


AnyTriggerConfig = ScheduleConfig | WebhookConfig | EventConfig | ManualConfig

_TYPE_OF: Final[dict[type[TriggerConfig], TriggerType]] = {
    ScheduleConfig: TriggerType.SCHEDULE,
    WebhookConfig: TriggerType.WEBHOOK,
    EventConfig: TriggerType.EVENT,
    ManualConfig: TriggerType.MANUAL,
}


def trigger_type_of(config: AnyTriggerConfig) -> TriggerType:
    """Return the type that a configuration belongs to."""
    return _TYPE_OF[type(config)]


class SealedSecret(Part, frozen=True, kw_only=True):
    """A secret under AES-256-GCM; the trigger's id (its 16 bytes) is the associated data."""

    id: UUID
    key_id: str
    nonce: bytes
    ciphertext: bytes
    valid_until: Time | None = None
    """``None`` is the current secret; a time is an older one in its overlap."""


class Change(Part, frozen=True, kw_only=True):
    """The domain event behind a state."""

    event: str
    version: int
    at: Time
    actor: str
    request_id: str


class TriggerState(Part, frozen=True, kw_only=True):
    """A trigger after the change."""

    id: UUID
    workspace: str
    workflow_id: UUID
    name: str
    enabled: bool
    config: AnyTriggerConfig
    secrets: tuple[SealedSecret, ...] = ()
    version: int
    created_at: Time
    updated_at: Time
    deleted_at: Time | None = None


class WorkflowState(Part, frozen=True, kw_only=True):
    """A workflow after the change."""

    id: UUID
    workspace: str
    name: str
    definition: WorkflowDefinition
    version: int
    created_at: Time
    updated_at: Time
    deleted_at: Time | None = None


class TriggerChanged(Message, tag="TriggerChanged/1", frozen=True, kw_only=True):
    """On ``config.trigger.<id>``."""

    change: Change
    trigger: TriggerState


class TriggerChanged2(Message, tag="TriggerChanged/2", frozen=True, kw_only=True):
    """The same, of a trigger whose options every reader has to know: see ``options_version``."""

    change: Change
    trigger: TriggerState


def trigger_changed(*, change: Change, trigger: TriggerState) -> TriggerChanged | TriggerChanged2:
    """Return the oldest message whose readers know all options of the trigger."""
    if options_version(trigger.config) == 1:
        return TriggerChanged(change=change, trigger=trigger)
    return TriggerChanged2(change=change, trigger=trigger)


class WorkflowChanged(Message, tag="WorkflowChanged/1", frozen=True, kw_only=True):
    """On ``config.workflow.<id>``."""

    change: Change
    workflow: WorkflowState


TRIGGERS: Final[Codec[TriggerChanged | TriggerChanged2]] = Codec(TriggerChanged, TriggerChanged2)
WORKFLOWS: Final[Codec[WorkflowChanged]] = Codec(WorkflowChanged)
