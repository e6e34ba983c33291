"""Every webhook trigger in memory, folded from stream ``CONFIG``."""

import sys
from collections.abc import Callable, Sequence
from typing import Final
from uuid import UUID

import msgspec
import structlog

from trigger_contracts.config import AnyTriggerConfig, TriggerState, WebhookConfig
from trigger_contracts.latest_triggers import LatestTriggers, Removed, Unreadable
from trigger_runtime.bus.jetstream_api import Received
from trigger_runtime.sealing import KeyRing, Sealed, SealError
from webhook_ingress.adapters.ingress_metrics import IngressMetrics
from webhook_ingress.domain.sender_headers import credential_headers, signature_headers
from webhook_ingress.domain.trigger import DeletedTrigger, OpenedSecret, WebhookTrigger
from webhook_ingress.ports import UnavailableError

log = structlog.stdlib.get_logger(__name__)

_MOST_DELETED: Final = 50_000
"""Of deleted triggers that are known by name; requests to one that was deleted before count as unknown."""


class _LatestVersions(LatestTriggers):
    """Keeps of a trigger that is there no more than its version: the opened one is kept elsewhere."""

    def apply(self, subject: str, *, data: bytes) -> TriggerState | Removed | Unreadable | None:
        """See ``LatestTriggers``."""
        latest = super().apply(subject, data=data)
        if isinstance(latest, Removed):
            self._known[latest.trigger_id] = msgspec.structs.replace(latest, tombstone=None)
        elif isinstance(latest, TriggerState):
            self._known[latest.id] = Removed(trigger_id=latest.id, version=latest.version, tombstone=None)
        return latest


class TriggerDirectory:
    """Complete after its follower has caught up, and kept up to date from then on.

    ``missing`` returns why it is not complete yet, or ``None``. While the bus is away the last known state
    is served.
    """

    def __init__(self, *, keys: KeyRing, missing: Callable[[], str | None], metrics: IngressMetrics) -> None:
        self._keys = keys
        self._missing = missing
        self._latest = _LatestVersions(kinds=(WebhookConfig,))
        self._opened: dict[UUID, WebhookTrigger] = {}
        self._deleted: dict[UUID, DeletedTrigger] = {}
        self._sequence: int | None = None
        metrics.triggers.set_function(lambda: len(self._opened))

    def find(self, trigger_id: UUID) -> WebhookTrigger | DeletedTrigger | None:
        """Return the trigger, or ``None`` where no trigger of this id takes webhooks, or did.

        Raises ``UnavailableError`` before the directory has been complete once, and for a trigger whose
        latest state cannot be read.
        """
        if self._missing() is not None:
            raise UnavailableError("The service is still starting. Try again shortly.")
        trigger = self._opened.get(trigger_id)
        # What its latest state says may be "deleted" or "disabled": the one before must not go on.
        if trigger is None and isinstance(self._latest.get(trigger_id), Unreadable):
            raise UnavailableError("The trigger cannot be served at the moment. Try again later.")
        return trigger or self._deleted.get(trigger_id)

    def open_draft(self, state: TriggerState) -> WebhookTrigger:
        """Return a trigger that is not saved, with its secret opened; it is not kept."""
        return self._open(state, config=state.config)

    async def position(self) -> int | None:
        """Return the last applied sequence of the stream."""
        return self._sequence

    async def apply(self, batch: Sequence[Received]) -> None:
        """Apply messages of ``config.trigger.*`` in their order."""
        for item in batch:
            self._apply_one(item)
        self._sequence = batch[-1].sequence

    def _apply_one(self, item: Received) -> None:
        match self._latest.apply(item.subject, data=item.data):
            case TriggerState() as state:
                self._deleted.pop(state.id, None)
                self._opened[state.id] = self._open(state, config=state.config)
            case Removed(trigger_id=trigger_id, tombstone=tombstone):
                self._opened.pop(trigger_id, None)
                if tombstone is not None:
                    self._remember(tombstone)
            case Unreadable(trigger_id=trigger_id, reason=reason):
                log.error(
                    "trigger state not readable",
                    subject=item.subject,
                    sequence=item.sequence,
                    reason=reason,
                )
                if trigger_id is not None:
                    self._opened.pop(trigger_id, None)
                    self._deleted.pop(trigger_id, None)
            case None:
                pass

    def _remember(self, tombstone: TriggerState) -> None:
        config = tombstone.config
        if not isinstance(config, WebhookConfig):
            raise TypeError("only the tombstones of webhook triggers are kept")
        self._deleted[tombstone.id] = DeletedTrigger(
            id=tombstone.id,
            workspace=sys.intern(tombstone.workspace),
            workflow_id=tombstone.workflow_id,
            name=tombstone.name,
            version=tombstone.version,
            secret_headers=credential_headers(config) | signature_headers(config),
        )
        if len(self._deleted) > _MOST_DELETED:
            del self._deleted[next(iter(self._deleted))]

    def _open(self, state: TriggerState, *, config: AnyTriggerConfig) -> WebhookTrigger:
        if not isinstance(config, WebhookConfig):
            raise TypeError("only webhook triggers are kept")
        opened: list[OpenedSecret] = []
        unopened: list[UUID] = []
        for secret in state.secrets:
            sealed = Sealed(key_id=secret.key_id, nonce=secret.nonce, ciphertext=secret.ciphertext)
            try:
                value = self._keys.open(sealed, belongs_to=state.id.bytes)
            except SealError as error:
                log.error(
                    "secret cannot be opened",
                    trigger_id=str(state.id),
                    trigger_version=state.version,
                    secret_id=str(secret.id),
                    reason=str(error),
                )
                unopened.append(secret.id)
            else:
                opened.append(OpenedSecret(id=secret.id, value=value, valid_until=secret.valid_until))
        return WebhookTrigger(
            id=state.id,
            # Few workspaces have many triggers.
            workspace=sys.intern(state.workspace),
            workflow_id=state.workflow_id,
            name=state.name,
            version=state.version,
            enabled=state.enabled,
            config=config,
            secrets=tuple(opened),
            unopened=tuple(unopened),
        )
