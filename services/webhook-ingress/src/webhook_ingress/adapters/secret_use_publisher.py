"""Publishes that senders still use a secret that was rotated away, without making them wait for it."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final
from uuid import UUID

import structlog

from trigger_contracts import streams
from trigger_contracts.codec import encode
from trigger_contracts.config import Time
from trigger_contracts.secret_uses import PreviousSecretUsed
from trigger_runtime.bus.connection import Bus, BusUnavailableError, MessageTooLargeError
from trigger_runtime.lifecycle import BackgroundTask
from webhook_ingress.adapters.ingress_metrics import IngressMetrics

log = structlog.stdlib.get_logger(__name__)

SECONDS_BETWEEN: Final = 60.0
_PUBLISH_SECONDS: Final = 2.0
MAX_SECRETS: Final = 10_000
MAX_WAITING: Final = 1_000


class SecretUsePublisher(BackgroundTask):
    """A component. Each secret is published at most once a minute; what the bus does not take is dropped.

    ``monotonic`` is in seconds. When more secrets were used within a minute than it remembers, the others
    wait for the next one.
    """

    def __init__(self, bus: Bus, *, monotonic: Callable[[], float], metrics: IngressMetrics) -> None:
        super().__init__("secret uses", self._publish_forever)
        self._bus = bus
        self._monotonic = monotonic
        self._metrics = metrics
        # In the order of their times, so that the oldest are the first.
        self._published_at: dict[UUID, float] = {}
        self._waiting: deque[PreviousSecretUsed] = deque()
        self._wake = asyncio.Event()

    @property
    def waiting(self) -> int:
        """How many uses have not been given to the bus yet."""
        return len(self._waiting)

    def note(self, trigger_id: UUID, *, secret_id: UUID, at: Time) -> None:
        """Take it in; never waits, never fails."""
        now = self._monotonic()
        published = self._published_at
        while published and now - published[oldest := next(iter(published))] >= SECONDS_BETWEEN:
            del published[oldest]
        if secret_id in self._published_at:
            return
        if len(self._published_at) >= MAX_SECRETS or len(self._waiting) >= MAX_WAITING:
            self._metrics.dropped_secret_uses.inc()
            return
        self._published_at[secret_id] = now
        self._waiting.append(PreviousSecretUsed(trigger_id=trigger_id, secret_id=secret_id, at=at))
        self._wake.set()

    async def _publish_forever(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                await self._publish(self._waiting.popleft())

    async def _publish(self, message: PreviousSecretUsed) -> None:
        subject = streams.secret(message.trigger_id)
        try:
            await self._bus.publish(subject, encode(message), timeout=_PUBLISH_SECONDS)
        except (BusUnavailableError, MessageTooLargeError) as error:
            self._metrics.dropped_secret_uses.inc()
            log.warning(
                "use of an older secret not published", reason=str(error), secret_id=str(message.secret_id)
            )
