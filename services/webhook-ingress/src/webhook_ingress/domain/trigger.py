"""A webhook trigger as this service needs it, with its secrets opened."""

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from trigger_contracts.config import WebhookConfig
from trigger_webhooks import is_usable
from webhook_ingress.domain.request_rules import request_rules


class OpenedSecret(msgspec.Struct, frozen=True, kw_only=True):
    """``valid_until`` is ``None`` for the current secret, a time for an older one in its overlap."""

    id: UUID
    value: bytes
    valid_until: datetime | None

    def __repr__(self) -> str:
        return f"OpenedSecret(id={self.id!r}, valid_until={self.valid_until!r})"


class WebhookTrigger:
    """A trigger, and what follows from its options and secrets: worked out here, and not at each request.

    ``unopened`` holds the ids of the secrets that the key ring could not open. There may be a hundred
    thousand triggers, so it has slots.
    """

    __slots__ = (
        "_usable",
        "config",
        "enabled",
        "id",
        "name",
        "rules",
        "secrets",
        "unopened",
        "version",
        "workflow_id",
        "workspace",
    )

    def __init__(
        self,
        *,
        id: UUID,  # noqa: A002 - the field's name
        workspace: str,
        workflow_id: UUID,
        name: str,
        version: int,
        enabled: bool,
        config: WebhookConfig,
        secrets: tuple[OpenedSecret, ...] = (),
        unopened: tuple[UUID, ...] = (),
    ) -> None:
        self.id: Final = id
        self.workspace: Final = workspace
        self.workflow_id: Final = workflow_id
        self.name: Final = name
        self.version: Final = version
        self.enabled: Final = enabled
        self.config: Final = config
        self.secrets: Final = secrets
        self.unopened: Final = unopened
        self.rules: Final = request_rules(config)
        self._usable: Final = tuple(
            [secret for secret in secrets if is_usable(secret.value, provider=config.provider)]
        )

    def usable_secrets(self, now: datetime) -> list[OpenedSecret]:
        """Return the secrets that count at ``now``: neither short nor expired, and of the provider's form."""
        return [secret for secret in self._usable if secret.valid_until is None or now < secret.valid_until]

    def secret(self, secret_id: UUID | None) -> OpenedSecret | None:
        """Return one of the secrets."""
        for secret in self.secrets:
            if secret.id == secret_id:
                return secret
        return None
