"""The aggregate ``Trigger``: its events, its state, and how it is written and published."""

from datetime import datetime
from enum import StrEnum
from typing import Any, Final, assert_never
from uuid import UUID

import msgspec

from trigger_api.domain.aggregate import (
    Aggregate,
    DomainEvent,
    EventCodec,
    Parent,
    Recorded,
    SealedSecrets,
    change_of,
)
from trigger_api.domain.workflow import WORKFLOWS
from trigger_contracts import streams
from trigger_contracts.codec import Message
from trigger_contracts.config import (
    AnyTriggerConfig,
    TriggerState,
    TriggerType,
    trigger_changed,
    trigger_type_of,
)
from trigger_contracts.option_versions import options_version
from trigger_contracts.schedules import schedule_id


class DeletionReason(StrEnum):
    """Why a trigger ended."""

    REQUESTED = "requested"
    WORKFLOW_DELETED = "workflow_deleted"


MAX_OLDER_SECRETS: Final = 4
"""How many secrets that were rotated away count at once: a further rotation ends the oldest one's overlap."""


class SecretOrigin(StrEnum):
    """Who chose a secret."""

    GENERATED = "generated"
    SUPPLIED = "supplied"


class TriggerCreated(DomainEvent, frozen=True, kw_only=True, tag="TriggerCreated"):
    """The trigger begins. The log names its secret; only the secret store holds it, sealed."""

    trigger_id: UUID
    workspace: str
    workflow_id: UUID
    name: str
    enabled: bool
    config: AnyTriggerConfig
    secret_id: UUID | None = None


class TriggerRenamed(DomainEvent, frozen=True, kw_only=True, tag="TriggerRenamed"):
    """It has another name."""

    name: str


class TriggerConfigChanged(DomainEvent, frozen=True, kw_only=True, tag="TriggerConfigChanged"):
    """It fires on something else, or responds in another way."""

    config: AnyTriggerConfig


class TriggerPaused(DomainEvent, frozen=True, kw_only=True, tag="TriggerPaused"):
    """It starts nothing until it is resumed."""


class TriggerResumed(DomainEvent, frozen=True, kw_only=True, tag="TriggerResumed"):
    """It starts workflows again."""


class SecretRotated(DomainEvent, frozen=True, kw_only=True, tag="SecretRotated"):
    """A new secret is in force; the ones before it stay valid until ``previous_valid_until``."""

    secret_id: UUID
    previous_valid_until: datetime
    origin: SecretOrigin


class TriggerDeleted(DomainEvent, frozen=True, kw_only=True, tag="TriggerDeleted"):
    """It ends; its history stays."""

    reason: DeletionReason


TriggerEvent = (
    TriggerCreated
    | TriggerRenamed
    | TriggerConfigChanged
    | TriggerPaused
    | TriggerResumed
    | SecretRotated
    | TriggerDeleted
)


class SecretRef(msgspec.Struct, frozen=True, kw_only=True):
    """``valid_until`` is ``None`` for the secret in force."""

    id: UUID
    valid_until: datetime | None = None


class Trigger(msgspec.Struct, frozen=True, kw_only=True):
    """The fold of a trigger's events."""

    id: UUID
    workspace: str
    workflow_id: UUID
    name: str
    enabled: bool
    config: AnyTriggerConfig
    secrets: tuple[SecretRef, ...]
    version: int
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None = None

    @property
    def type(self) -> TriggerType:
        """The type never changes."""
        return trigger_type_of(self.config)

    @property
    def secret_in_force(self) -> SecretRef | None:
        """The secret that senders should use."""
        return next((secret for secret in self.secrets if secret.valid_until is None), None)

    @property
    def previous_secret(self) -> SecretRef | None:
        """Of the secrets that were rotated away, the one that stays valid the longest."""
        older = [(secret.valid_until, secret) for secret in self.secrets if secret.valid_until is not None]
        return max(older, key=lambda pair: pair[0])[1] if older else None


def evolve(trigger: Trigger | None, recorded: Recorded[TriggerEvent]) -> Trigger:
    """Return the trigger after one more event."""
    event = recorded.event
    if isinstance(event, TriggerCreated):
        return Trigger(
            id=event.trigger_id,
            workspace=event.workspace,
            workflow_id=event.workflow_id,
            name=event.name,
            enabled=event.enabled,
            config=event.config,
            secrets=(SecretRef(id=event.secret_id),) if event.secret_id else (),
            version=recorded.version,
            created_at=recorded.at,
            updated_at=recorded.at,
        )
    if trigger is None:
        raise ValueError(f"{type(event).__name__} cannot be a trigger's first event")
    after = msgspec.structs.replace(trigger, version=recorded.version, updated_at=recorded.at)
    match event:
        case TriggerRenamed():
            return msgspec.structs.replace(after, name=event.name)
        case TriggerConfigChanged():
            return msgspec.structs.replace(after, config=event.config)
        case TriggerPaused():
            return msgspec.structs.replace(after, enabled=False)
        case TriggerResumed():
            return msgspec.structs.replace(after, enabled=True)
        case SecretRotated():
            return msgspec.structs.replace(after, secrets=_rotated(trigger, event=event, at=recorded.at))
        case TriggerDeleted():
            return msgspec.structs.replace(after, enabled=False, secrets=(), deleted_at=recorded.at)
        case _:
            assert_never(event)


def _rotated(trigger: Trigger, *, event: SecretRotated, at: datetime) -> tuple[SecretRef, ...]:
    until = event.previous_valid_until
    older = (
        SecretRef(id=secret.id, valid_until=min(until, secret.valid_until or until))
        for secret in trigger.secrets
    )
    still = [secret for secret in older if secret.valid_until is None or secret.valid_until > at]
    return (SecretRef(id=event.secret_id), *still[:MAX_OLDER_SECRETS])


def _facts(trigger: Trigger) -> dict[str, Any]:
    config = msgspec.to_builtins(trigger.config)
    kind = config.pop("triggerType")
    in_force = trigger.secret_in_force
    return {
        "workflowId": str(trigger.workflow_id),
        "name": trigger.name,
        "triggerType": kind,
        "enabled": trigger.enabled,
        "config": config,
        "secretId": str(in_force.id) if in_force else None,
        "deleted": trigger.deleted_at is not None,
    }


def _message(trigger: Trigger, recorded: Recorded[TriggerEvent], sealed: SealedSecrets) -> Message:
    # A republished state may name a secret that was rotated away meanwhile: a newer state follows.
    secrets = [(secret, sealed[secret.id]) for secret in trigger.secrets if secret.id in sealed]
    return trigger_changed(
        change=change_of(recorded),
        trigger=TriggerState(
            id=trigger.id,
            workspace=trigger.workspace,
            workflow_id=trigger.workflow_id,
            name=trigger.name,
            enabled=trigger.enabled,
            config=trigger.config,
            secrets=tuple(
                msgspec.structs.replace(box, valid_until=secret.valid_until) for secret, box in secrets
            ),
            version=trigger.version,
            created_at=trigger.created_at,
            updated_at=trigger.updated_at,
            deleted_at=trigger.deleted_at,
        ),
    )


def _secret_rotated_1(fields: dict[str, Any]) -> dict[str, Any]:
    # In the first version nobody could choose the secret that follows.
    return {**fields, "origin": "generated"}


# What a configuration does not say has its default. The version is there for older releases: one that does
# not know an option must not change a trigger that has it, for it would drop the option on the bus.
_OPTIONS_ADDED: Final = None


def _written_as(event: TriggerEvent) -> int | None:
    # Only what has such an option is hidden from the release before: it can go on with all others.
    is_first = isinstance(event, TriggerCreated | TriggerConfigChanged) and options_version(event.config) == 1
    return 2 if is_first else None


TRIGGERS: Final[Aggregate[Trigger, TriggerEvent]] = Aggregate(
    name="trigger",
    events=EventCodec(
        TriggerEvent,
        upcasts={
            ("SecretRotated", 1): _secret_rotated_1,
            ("TriggerCreated", 1): _OPTIONS_ADDED,
            ("TriggerConfigChanged", 1): _OPTIONS_ADDED,
            ("TriggerCreated", 2): _OPTIONS_ADDED,
            ("TriggerConfigChanged", 2): _OPTIONS_ADDED,
        },
        written_as=_written_as,
    ),
    evolve=evolve,
    facts=_facts,
    table="workflow_triggers",
    columns={
        "id": lambda trigger: trigger.id,
        "workspace": lambda trigger: trigger.workspace,
        "workflow_id": lambda trigger: trigger.workflow_id,
        "name": lambda trigger: trigger.name,
        "trigger_type": lambda trigger: trigger.type.value,
        "config": lambda trigger: msgspec.json.encode(trigger.config).decode(),
        "enabled": lambda trigger: trigger.enabled,
        "version": lambda trigger: trigger.version,
        "secret_id": lambda trigger: trigger.secret_in_force and trigger.secret_in_force.id,
        "temporal_schedule_id": lambda trigger: (
            schedule_id(trigger.id) if trigger.type is TriggerType.SCHEDULE else None
        ),
        "created_at": lambda trigger: trigger.created_at,
        "updated_at": lambda trigger: trigger.updated_at,
        "deleted_at": lambda trigger: trigger.deleted_at,
        "previous_secret_id": lambda trigger: trigger.previous_secret and trigger.previous_secret.id,
        "previous_secret_valid_until": lambda trigger: (
            trigger.previous_secret and trigger.previous_secret.valid_until
        ),
    },
    subject=streams.config_trigger,
    message=_message,
    secret_ids=lambda trigger: [secret.id for secret in trigger.secrets],
    parent=Parent(WORKFLOWS, column="workflow_id"),
)
