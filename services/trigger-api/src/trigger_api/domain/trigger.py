"""The aggregate ``Trigger``: its events, the fold over them, and what each command leads to."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, assert_never
from uuid import UUID

import msgspec

from trigger_api.domain.recorded import Recorded
from trigger_api.domain.sameness import same
from trigger_contracts.config import AnyTriggerConfig, TriggerType, WebhookConfig, trigger_type_of
from trigger_contracts.webhook_providers import WebhookProvider
from trigger_webhooks import needs_secret


class DeletionReason(StrEnum):
    """Why a trigger is gone."""

    REQUESTED = "requested"
    WORKFLOW_DELETED = "workflow_deleted"


MAX_OLDER_SECRETS: Final = 4
"""How many secrets that were rotated away count at once: a further rotation ends the oldest one's overlap."""


class SecretOrigin(StrEnum):
    """Who made a secret up."""

    GENERATED = "generated"
    SUPPLIED = "supplied"


class _Event(msgspec.Struct, frozen=True, kw_only=True, rename="camel", tag_field="type"):
    pass


class TriggerCreated(_Event, frozen=True, kw_only=True, tag="TriggerCreated"):
    """The trigger begins. The log names its secret; only the secret store holds it, sealed."""

    trigger_id: UUID
    workspace: str
    workflow_id: UUID
    name: str
    enabled: bool
    config: AnyTriggerConfig
    secret_id: UUID | None = None


class TriggerRenamed(_Event, frozen=True, kw_only=True, tag="TriggerRenamed"):
    """It is called otherwise."""

    name: str


class TriggerConfigChanged(_Event, frozen=True, kw_only=True, tag="TriggerConfigChanged"):
    """It fires on something else, or answers otherwise."""

    config: AnyTriggerConfig


class TriggerPaused(_Event, frozen=True, kw_only=True, tag="TriggerPaused"):
    """It starts nothing until it is resumed."""


class TriggerResumed(_Event, frozen=True, kw_only=True, tag="TriggerResumed"):
    """It starts workflows again."""


class SecretRotated(_Event, frozen=True, kw_only=True, tag="SecretRotated"):
    """A new secret is in force; the ones before it stay valid until ``previous_valid_until``."""

    secret_id: UUID
    previous_valid_until: datetime
    origin: SecretOrigin


class TriggerDeleted(_Event, frozen=True, kw_only=True, tag="TriggerDeleted"):
    """It is gone, and stays on record."""

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


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What a user may change, as it shall be."""

    name: str
    enabled: bool
    config: AnyTriggerConfig


def paused(trigger: Trigger) -> Wanted:
    """Return the trigger as it is, but starting nothing."""
    return Wanted(name=trigger.name, enabled=False, config=trigger.config)


def resumed(trigger: Trigger) -> Wanted:
    """Return the trigger as it is, and starting workflows."""
    return Wanted(name=trigger.name, enabled=True, config=trigger.config)


class TriggerTypeFixedError(Exception):
    """A trigger's type cannot be changed: its address and its history hang on it."""


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


def fold(history: Sequence[Recorded[TriggerEvent]]) -> Trigger | None:
    """Return the trigger that a history leads to; ``None`` for no history."""
    trigger: Trigger | None = None
    for recorded in history:
        trigger = evolve(trigger, recorded)
    return trigger


def _rotated(trigger: Trigger, *, event: SecretRotated, at: datetime) -> tuple[SecretRef, ...]:
    until = event.previous_valid_until
    older = (
        SecretRef(id=secret.id, valid_until=min(until, secret.valid_until or until))
        for secret in trigger.secrets
    )
    still = [secret for secret in older if secret.valid_until is None or secret.valid_until > at]
    return (SecretRef(id=event.secret_id), *still[:MAX_OLDER_SECRETS])


def _provider(config: AnyTriggerConfig) -> WebhookProvider | None:
    return config.provider if isinstance(config, WebhookConfig) else None


@dataclass(frozen=True, slots=True)
class NewSecret:
    """The id of a secret that a command may put in force, and who made it up."""

    id: UUID
    origin: SecretOrigin


def decide_revision(
    trigger: Trigger, *, wanted: Wanted, secret: NewSecret, now: datetime
) -> list[TriggerEvent]:
    """Return what happens when a trigger shall become ``wanted``: nothing where it is so already.

    ``secret`` comes into force where its user supplied it, where the new configuration is the first one that
    needs one, and where it is for another provider; the one before it ends at once. Raises
    ``TriggerTypeFixedError``.
    """
    if trigger_type_of(wanted.config) is not trigger.type:
        raise TriggerTypeFixedError(trigger.type)
    events: list[TriggerEvent] = []
    if wanted.name != trigger.name:
        events.append(TriggerRenamed(name=wanted.name))
    missing = needs_secret(wanted.config) and (
        trigger.secret_in_force is None or _provider(wanted.config) is not _provider(trigger.config)
    )
    if missing or secret.origin is SecretOrigin.SUPPLIED:
        # Before the configuration: at no version may a webhook need a secret that does not exist.
        events.append(SecretRotated(secret_id=secret.id, previous_valid_until=now, origin=secret.origin))
    if not same(wanted.config, trigger.config):
        events.append(TriggerConfigChanged(config=wanted.config))
    if wanted.enabled != trigger.enabled:
        events.append(TriggerResumed() if wanted.enabled else TriggerPaused())
    return events


def decide_rotation(*, secret: NewSecret, overlap: timedelta, now: datetime) -> list[TriggerEvent]:
    """Return the rotation; the secret in force stays valid for ``overlap``."""
    return [SecretRotated(secret_id=secret.id, previous_valid_until=now + overlap, origin=secret.origin)]


def decide_deletion(trigger: Trigger, *, reason: DeletionReason) -> list[TriggerEvent]:
    """Return the end of a trigger; nothing where it has ended."""
    return [] if trigger.deleted_at else [TriggerDeleted(reason=reason)]
