"""Every webhook trigger in memory, folded from stream ``CONFIG``."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import structlog

from trigger_contracts import streams
from trigger_contracts.codec import ContractError
from trigger_contracts.config import TRIGGERS, TriggerState, WebhookConfig
from trigger_runtime.bus.connection import Bus
from trigger_runtime.bus.follower import Follower
from trigger_runtime.bus.received import Received
from trigger_runtime.sealing import KeyRing, Sealed, SealError
from webhook_ingress.adapters.ingress_metrics import IngressMetrics
from webhook_ingress.domain.trigger import OpenedSecret, WebhookTrigger
from webhook_ingress.usecases import UnavailableError

log = structlog.stdlib.get_logger(__name__)

_PREFIX: Final = streams.CONFIG_TRIGGERS.removesuffix("*")


@dataclass(frozen=True, slots=True)
class _NoWebhook:
    """Deleted, or of another type: only the version stays, so that an older state does not revive it."""

    version: int


@dataclass(frozen=True, slots=True)
class _Unreadable:
    """Its latest state is of a contract that this release does not know. What it says may be "deleted"
    or "disabled", so the state before it must not go on being served."""

    version: int = 0


class TriggerDirectory:
    """A component: complete after the first catch-up, and kept up to date from then on.

    While the bus is away it serves the last known state.
    """

    name = "trigger directory"

    def __init__(self, bus: Bus, *, keys: KeyRing, metrics: IngressMetrics) -> None:
        self._keys = keys
        self._entries: dict[UUID, WebhookTrigger | _NoWebhook | _Unreadable] = {}
        self._sequence: int | None = None
        metrics.triggers.set_function(self._count)
        self._follower = Follower(
            bus,
            name="triggers",
            stream=streams.CONFIG.name,
            subjects=[streams.CONFIG_TRIGGERS],
            position=self._position,
            apply=self._apply,
        )

    async def start(self) -> None:
        """Begin to read."""
        await self._follower.start()

    async def stop(self) -> None:
        """Stop reading."""
        await self._follower.stop()

    def check(self) -> str | None:
        """Return why triggers cannot be found yet, or ``None``."""
        return self._follower.check()

    def find(self, trigger_id: UUID) -> WebhookTrigger | None:
        """Return the trigger, or ``None`` where there is none of this id that takes webhooks.

        Raises ``UnavailableError`` before the directory has been complete once, and for a trigger whose
        latest state cannot be read.
        """
        if self.check() is not None:
            raise UnavailableError("The service is still starting. Try again shortly.")
        match self._entries.get(trigger_id):
            case WebhookTrigger() as trigger:
                return trigger
            case _Unreadable():
                raise UnavailableError("The trigger cannot be served at the moment. Try again later.")
            case _:
                return None

    def _count(self) -> float:
        return sum(isinstance(entry, WebhookTrigger) for entry in self._entries.values())

    async def _position(self) -> int | None:
        return self._sequence

    async def _apply(self, batch: Sequence[Received]) -> None:
        for item in batch:
            self._apply_one(item)
        self._sequence = batch[-1].sequence

    def _apply_one(self, item: Received) -> None:
        try:
            state = TRIGGERS.decode(item.data).trigger
        except ContractError as error:
            self._mark_unreadable(item, reason=str(error))
            return
        known = self._entries.get(state.id)
        if known is not None and known.version >= state.version:
            return
        self._entries[state.id] = self._entry(state)

    def _mark_unreadable(self, item: Received, *, reason: str) -> None:
        log.error("trigger state not readable", subject=item.subject, sequence=item.sequence, reason=reason)
        try:
            trigger_id = UUID(item.subject.removeprefix(_PREFIX))
        except ValueError:
            return
        self._entries[trigger_id] = _Unreadable()

    def _entry(self, state: TriggerState) -> WebhookTrigger | _NoWebhook:
        if state.deleted_at is not None or not isinstance(state.config, WebhookConfig):
            return _NoWebhook(state.version)
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
            workspace=state.workspace,
            workflow_id=state.workflow_id,
            name=state.name,
            version=state.version,
            enabled=state.enabled,
            config=state.config,
            secrets=tuple(opened),
            unopened=tuple(unopened),
        )
