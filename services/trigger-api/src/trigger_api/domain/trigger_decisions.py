"""What each command on a trigger leads to."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from trigger_api.domain.json_values import identical
from trigger_api.domain.trigger import (
    DeletionReason,
    SecretOrigin,
    SecretRotated,
    Trigger,
    TriggerConfigChanged,
    TriggerCreated,
    TriggerDeleted,
    TriggerEvent,
    TriggerPaused,
    TriggerRenamed,
    TriggerResumed,
)
from trigger_api.domain.trigger_settings import CurrentTrigger, DesiredTrigger
from trigger_contracts.config import trigger_type_of
from trigger_webhooks import is_same_form, needs_secret


class TriggerTypeFixedError(Exception):
    """A trigger's type cannot be changed: its address and its history depend on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSecret:
    """A secret that a command may put in force. ``text`` is what its sender must know."""

    id: UUID
    origin: SecretOrigin
    text: str


def puts_in_force(events: Sequence[TriggerEvent], *, secret: NewSecret) -> bool:
    """Tell whether a secret is in force after these events."""
    return any(
        isinstance(event, TriggerCreated | SecretRotated) and event.secret_id == secret.id for event in events
    )


def decide_creation(
    trigger_id: UUID, *, workspace: str, workflow_id: UUID, desired: DesiredTrigger, secret: NewSecret
) -> list[TriggerEvent]:
    """Return the beginning of a trigger; ``secret`` is used where the configuration needs one."""
    return [
        TriggerCreated(
            trigger_id=trigger_id,
            workspace=workspace,
            workflow_id=workflow_id,
            name=desired.name,
            enabled=desired.enabled,
            config=desired.config,
            secret_id=secret.id if needs_secret(desired.config) else None,
        )
    ]


def is_checked_again(current: CurrentTrigger, *, desired: DesiredTrigger) -> bool:
    """Tell whether a revision needs a configuration that this release accepts.

    What an earlier release accepted stays as it is: the name can be changed without it. A paused trigger
    begins again only with what is accepted now.
    """
    is_resumed = desired.enabled and not current.enabled
    return is_resumed or not identical(desired.config, current.config)


def decide_revision(
    trigger: Trigger, *, desired: DesiredTrigger, secret: NewSecret, now: datetime
) -> list[TriggerEvent]:
    """Return the events that make a trigger as desired: none where it is so already.

    ``secret`` comes into force where its user supplied it, where the new configuration is the first one that
    needs one, and where it is for another provider; the one before it ends at once. Raises
    ``TriggerTypeFixedError``.
    """
    if trigger_type_of(desired.config) is not trigger.type:
        raise TriggerTypeFixedError(trigger.type)
    events: list[TriggerEvent] = []
    if desired.name != trigger.name:
        events.append(TriggerRenamed(name=desired.name))
    missing = needs_secret(desired.config) and (
        trigger.secret_in_force is None or not is_same_form(desired.config, trigger.config)
    )
    if missing or secret.origin is SecretOrigin.SUPPLIED:
        # Before the configuration: at no version may a webhook need a secret that does not exist.
        events.append(SecretRotated(secret_id=secret.id, previous_valid_until=now, origin=secret.origin))
    if not identical(desired.config, trigger.config):
        events.append(TriggerConfigChanged(config=desired.config))
    if desired.enabled != trigger.enabled:
        events.append(TriggerResumed() if desired.enabled else TriggerPaused())
    return events


def decide_pause(trigger: Trigger) -> list[TriggerEvent]:
    """Return the pause; nothing where it is paused."""
    return [TriggerPaused()] if trigger.enabled else []


def decide_resumption(trigger: Trigger) -> list[TriggerEvent]:
    """Return the resumption; nothing where it is not paused."""
    return [] if trigger.enabled else [TriggerResumed()]


def decide_rotation(*, secret: NewSecret, overlap: timedelta, now: datetime) -> list[TriggerEvent]:
    """Return the rotation; the secret in force stays valid for ``overlap``."""
    return [SecretRotated(secret_id=secret.id, previous_valid_until=now + overlap, origin=secret.origin)]


def decide_deletion(trigger: Trigger, *, reason: DeletionReason) -> list[TriggerEvent]:
    """Return the end of a trigger; nothing where it has ended."""
    return [] if trigger.deleted_at else [TriggerDeleted(reason=reason)]
