"""Stream ``CONFIG``: what triggers and workflows are, as the event and the whole state after it.

Consumers may keep only the state with the highest version; a deleted aggregate leaves a tombstone
(``deleted_at``), never silence.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from msgspec import Meta

from trigger_contracts.codec import Codec, Message, Part
from trigger_contracts.definition import WorkflowDefinition

Time = Annotated[datetime, Meta(tz=True)]
Name = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"\S")]


class TriggerType(StrEnum):
    """What starts the workflow."""

    SCHEDULE = "schedule"
    WEBHOOK = "webhook"
    EVENT = "event"
    MANUAL = "manual"


class OverlapPolicy(StrEnum):
    """What happens when a schedule fires while its last run still goes (Temporal's policies)."""

    SKIP = "skip"
    BUFFER_ONE = "bufferOne"
    BUFFER_ALL = "bufferAll"
    CANCEL_OTHER = "cancelOther"
    TERMINATE_OTHER = "terminateOther"
    ALLOW_ALL = "allowAll"


class HttpMethod(StrEnum):
    """The method that a webhook trigger takes."""

    GET = "GET"
    POST = "POST"
    PUT = "PUT"
    PATCH = "PATCH"
    DELETE = "DELETE"


class AuthType(StrEnum):
    """How a webhook's sender proves itself."""

    NONE = "none"
    API_KEY = "api_key"
    HMAC = "hmac"
    BEARER = "bearer"


class ResponseFormat(StrEnum):
    """What a webhook's sender gets with the 202: the JSON object, or the text ``OK``."""

    JSON = "json"
    TEXT = "text"


class TriggerConfig(Part, tag_field="triggerType", frozen=True, kw_only=True):
    """What every type's configuration extends; the tag is the trigger's type."""


class ScheduleConfig(TriggerConfig, tag="schedule", frozen=True, kw_only=True):
    """Fires on a classical five-field cron expression, read in an IANA time zone."""

    cron_expression: Annotated[str, Meta(min_length=1, max_length=500)]
    timezone: Annotated[str, Meta(min_length=1, max_length=64)] = "UTC"
    overlap_policy: OverlapPolicy = OverlapPolicy.BUFFER_ONE
    catchup_window_seconds: Annotated[int, Meta(ge=10, le=365 * 24 * 3600)] = 60
    input: Any = None


class WebhookConfig(TriggerConfig, tag="webhook", frozen=True, kw_only=True):
    """Fires on an HTTP request that passes the checks."""

    method: HttpMethod = HttpMethod.POST
    auth_type: AuthType = AuthType.NONE
    require_signature: bool = True
    """``hmac`` only: ``False`` lets an unsigned request through, never a wrongly signed one."""
    allowed_origins: Annotated[tuple[Annotated[str, Meta(max_length=300)], ...], Meta(max_length=100)] = ()
    """Empty allows all. A request without ``Origin`` passes: only browsers send it."""
    response_format: ResponseFormat = ResponseFormat.JSON


class EventConfig(TriggerConfig, tag="event", frozen=True, kw_only=True):
    """Fires on an internal CloudEvent of a type (or, ending in ``.*``, of all types below it)."""

    event_type: Annotated[str, Meta(min_length=1, max_length=500)]
    source: Annotated[str, Meta(max_length=2000)] | None = None
    filters: Annotated[dict[Annotated[str, Meta(max_length=500)], Any], Meta(max_length=50)] = msgspec.field(
        default_factory=dict
    )
    """Dotted path into the event → the value that must stand there."""
    expression: Annotated[str, Meta(min_length=1, max_length=1000)] | None = None
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


class WorkflowChanged(Message, tag="WorkflowChanged/1", frozen=True, kw_only=True):
    """On ``config.workflow.<id>``."""

    change: Change
    workflow: WorkflowState


TRIGGERS: Final[Codec[TriggerChanged]] = Codec(TriggerChanged)
WORKFLOWS: Final[Codec[WorkflowChanged]] = Codec(WorkflowChanged)
