"""A webhook trigger as this service needs it, with its secrets opened."""

import re
from datetime import datetime
from functools import cache
from typing import Final
from uuid import UUID

import msgspec

from trigger_contracts.config import WebhookConfig
from trigger_contracts.webhook_providers import PROVIDER_SECRETS, WebhookProvider

SHORTEST_SECRET: Final = 16
"""Bytes of a secret that is not a provider's: the API refuses shorter ones, and so does this."""


class OpenedSecret(msgspec.Struct, frozen=True, kw_only=True):
    """``valid_until`` is ``None`` for the current secret, a time for an older one in its overlap."""

    id: UUID
    value: bytes
    valid_until: datetime | None

    def __repr__(self) -> str:
        return f"OpenedSecret(id={self.id!r}, valid_until={self.valid_until!r})"


# Nothing beside its fields: there may be a hundred thousand.
class WebhookTrigger(msgspec.Struct, frozen=True, kw_only=True):
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

    gaps: dict[str | None, str | None] | None = None
    """The result of ``support.unsupported_option_of`` by public URL; made when it is first asked for."""

    def usable_secrets(self, now: datetime) -> tuple[OpenedSecret, ...]:
        """Return the secrets that count at ``now``: neither blank nor short, and of the provider's form."""
        return tuple(
            secret
            for secret in self.secrets
            if (secret.valid_until is None or now < secret.valid_until) and self._fits(secret.value)
        )

    def secret(self, secret_id: UUID | None) -> OpenedSecret | None:
        """Return one of the secrets."""
        for secret in self.secrets:
            if secret.id == secret_id:
                return secret
        return None

    def _fits(self, secret: bytes) -> bool:
        provider = self.config.provider
        if provider is None:
            return len(secret) >= SHORTEST_SECRET
        return _pattern(provider).fullmatch(secret) is not None


@cache
def _pattern(provider: WebhookProvider) -> re.Pattern[bytes]:
    return re.compile(PROVIDER_SECRETS[provider].pattern.encode())
