"""A webhook trigger as this service needs it, with its secrets opened."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from trigger_contracts.config import WebhookConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedSecret:
    """``valid_until`` is ``None`` for the current secret, a time for an older one in its overlap."""

    id: UUID
    value: bytes = field(repr=False)
    valid_until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookTrigger:
    """``unopened`` holds the ids of the secrets that the key ring could not open."""

    id: UUID
    workspace: str
    workflow_id: UUID
    name: str
    version: int
    enabled: bool
    config: WebhookConfig
    secrets: tuple[OpenedSecret, ...] = ()
    unopened: tuple[UUID, ...] = ()

    def usable_secrets(self, now: datetime) -> tuple[OpenedSecret, ...]:
        """Return the secrets that count at ``now``."""
        return tuple(
            secret for secret in self.secrets if secret.valid_until is None or now < secret.valid_until
        )
