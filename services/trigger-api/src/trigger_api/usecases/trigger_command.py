"""What can be asked of a trigger: each command is one value."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from trigger_api.domain.idempotency import IdempotencyKey, StoredResponse
from trigger_api.domain.trigger import Trigger
from trigger_api.domain.trigger_settings import DesiredTrigger
from trigger_api.usecases.command import Caller, ExpectedVersions
from trigger_validation import FieldError


@dataclass(frozen=True, slots=True)
class ChangedTrigger:
    """A trigger after a command. ``secret`` is there only where the command put one in force: shown once.

    ``warnings`` are what looks odd about it, and is taken all the same.
    """

    trigger: Trigger
    secret: str | None = None
    warnings: Sequence[FieldError] = ()


Render = Callable[[ChangedTrigger], StoredResponse]
"""Makes the response, which is stored with the change: nothing may fail after a secret was made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateTrigger:
    """Begin a trigger of a workflow."""

    caller: Caller
    workflow_id: UUID
    desired: DesiredTrigger
    key: IdempotencyKey | None
    render: Render


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerCommand:
    """A command on a trigger that exists."""

    caller: Caller
    trigger_id: UUID
    if_match: ExpectedVersions


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaceTrigger(TriggerCommand):
    """Make a trigger what ``body``, the JSON of a PUT, says."""

    body: Any
    render: Render


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchTrigger(TriggerCommand):
    """Merge ``patch``, the JSON of a PATCH, into a trigger."""

    patch: Any
    render: Render


@dataclass(frozen=True, slots=True, kw_only=True)
class IdempotentCommand(TriggerCommand):
    """A command that is carried out once for each key."""

    key: IdempotencyKey | None
    render: Render


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseTrigger(IdempotentCommand):
    """Stop a trigger from starting anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeTrigger(IdempotentCommand):
    """Let a trigger start workflows again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RotateSecret(IdempotentCommand):
    """Put a new secret in force; the one before it stays valid for ``overlap``."""

    secret: str | None
    overlap: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class RevertTrigger(IdempotentCommand):
    """Lead a trigger back to a version: its name, its configuration, and whether it is enabled.

    Secrets stay: one that was rotated away does not come back.
    """

    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteTrigger(TriggerCommand):
    """End a trigger."""
