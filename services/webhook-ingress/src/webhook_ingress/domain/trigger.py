"""A webhook trigger as this service needs it, with its secrets opened."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import msgspec

from trigger_contracts.config import WebhookConfig
from trigger_webhooks import is_usable
from webhook_ingress.domain.request_rules import RequestRules, request_rules
from webhook_ingress.domain.selection import Selection, selection_of


class OpenedSecret(msgspec.Struct, frozen=True, kw_only=True):
    """``valid_until`` is ``None`` for the current secret, a time for an older one in its overlap."""

    id: UUID
    value: bytes
    valid_until: datetime | None

    def __repr__(self) -> str:
        return f"OpenedSecret(id={self.id!r}, valid_until={self.valid_until!r})"


class DeletedTrigger(msgspec.Struct, frozen=True, kw_only=True):
    """What is left of a trigger: enough to put requests to it into its owner's log."""

    id: UUID
    workspace: str
    workflow_id: UUID
    name: str
    version: int
    secret_headers: frozenset[str] = frozenset()
    """In lower case, the headers that held a secret: its value is not known any more, so not found either."""


@dataclass(slots=True, kw_only=True, eq=False)
class WebhookTrigger:
    """A trigger, and what follows from its options and secrets: computed here, and not at each request.

    ``unopened`` holds the ids of the secrets that the key ring could not open. There may be a hundred
    thousand triggers, so it has slots.
    """

    id: UUID
    workspace: str
    workflow_id: UUID
    name: str
    version: int
    enabled: bool
    config: WebhookConfig
    secrets: tuple[OpenedSecret, ...] = ()
    unopened: tuple[UUID, ...] = ()
    rules: RequestRules = field(init=False)
    selection: Selection | None = field(init=False)
    usable: tuple[OpenedSecret, ...] = field(init=False)
    """The secrets that are long enough, and a key where the provider has keys, expired ones included."""

    def __post_init__(self) -> None:
        self.rules = request_rules(self.config)
        # A trigger with an option that cannot be served refuses every request before this is asked.
        self.selection = None if self.rules.unserved_option else selection_of(self.config)
        self.usable = tuple([one for one in self.secrets if is_usable(one.value, config=self.config)])

    @property
    def secret_headers(self) -> frozenset[str]:
        """The headers, in lower case, that verify a sender: no record holds their values."""
        return self.rules.secret_headers

    def usable_secrets(self, now: datetime) -> list[OpenedSecret]:
        """Return the secrets that count at ``now``: neither short nor expired, and of the provider's form."""
        return [secret for secret in self.usable if secret.valid_until is None or now < secret.valid_until]

    def secret(self, secret_id: UUID | None) -> OpenedSecret | None:
        """Return one of the secrets."""
        for secret in self.secrets:
            if secret.id == secret_id:
                return secret
        return None
