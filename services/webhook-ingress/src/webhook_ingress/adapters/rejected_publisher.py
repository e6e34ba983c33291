"""Recording refusals: in batches, behind the caller's back, and bounded under a flood."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final
from uuid import UUID

import structlog

from trigger_contracts import streams
from trigger_contracts.deliveries import RejectedDelivery
from trigger_runtime import backoff
from trigger_runtime.bus.connection import Bus, BusUnavailableError, MessageTooLargeError
from trigger_runtime.lifecycle import BackgroundTask
from webhook_ingress.adapters.batch import (
    HEADROOM,
    BatchLimits,
    EncodedRejection,
    encoded_rejection,
    rejected_message,
)
from webhook_ingress.adapters.ingress_metrics import IngressMetrics

log = structlog.stdlib.get_logger(__name__)

_LABEL: Final = "rejected"
_PUBLISH_SECONDS: Final = 5.0
_FLUSH_SECONDS: Final = 5.0


class RejectedPublisher(BackgroundTask):
    """A component. What does not fit into the queue is counted, and the next message tells how many."""

    def __init__(
        self,
        bus: Bus,
        *,
        limits: BatchLimits,
        queue_bytes: int,
        new_id: Callable[[], UUID],
        metrics: IngressMetrics,
    ) -> None:
        super().__init__("rejected deliveries", self._publish_forever)
        self._bus = bus
        self._limits = limits
        self._queue_bytes = queue_bytes
        self._new_id = new_id
        self._metrics = metrics
        self._queue: deque[EncodedRejection] = deque()
        self._held_bytes = 0
        self._in_flight = 0
        self._dropped = 0
        self._wake = asyncio.Event()
        self._stopping = False

    def record(self, delivery: RejectedDelivery) -> None:
        """Take a refusal, or count it where there is no room."""
        rejection = encoded_rejection(delivery)
        size = len(rejection.data)
        if size > self._bus.max_payload - HEADROOM or self._held_bytes + size > self._queue_bytes:
            self.count()
            return
        self._held_bytes += size
        self._queue.append(rejection)
        self._wake.set()

    def count(self) -> None:
        """Count a refusal that is not recorded."""
        self._dropped += 1
        self._metrics.dropped_rejections.inc()

    async def stop(self) -> None:
        """Send what waits, for a few seconds; what is left after them is lost, and the log says so."""
        self._stopping = True
        self._wake.set()
        if self.task is None:
            return
        try:
            await asyncio.wait([self.task], timeout=_FLUSH_SECONDS)
        finally:
            self.task.cancel()
        lost = len(self._queue) + self._in_flight + self._dropped
        if lost:
            log.error("refusals were not recorded", count=lost)

    async def _publish_forever(self) -> None:
        while batch := await self._next_batch():
            self._in_flight = len(batch)
            await self._publish(batch)
            self._in_flight = 0
            self._held_bytes -= sum(len(one.data) for one in batch)

    async def _next_batch(self) -> list[EncodedRejection]:
        while not (batch := self._take()) and not self._stopping:
            self._wake.clear()
            await self._wake.wait()
        return batch

    def _take(self) -> list[EncodedRejection]:
        batch: list[EncodedRejection] = []
        size = 0
        while self._queue and len(batch) < self._limits.deliveries:
            size += len(self._queue[0].data) + 1
            if batch and size > min(self._limits.bytes, self._bus.max_payload - HEADROOM):
                break
            batch.append(self._queue.popleft())
        return batch

    async def _publish(self, batch: list[EncodedRejection]) -> None:
        message_id = str(self._new_id())
        dropped = self._dropped
        data = rejected_message(batch, dropped=dropped)
        attempt = 0
        while True:
            try:
                await self._bus.publish(
                    streams.DELIVERIES_REJECTED, data, message_id=message_id, timeout=_PUBLISH_SECONDS
                )
            except MessageTooLargeError:
                # The server's limit went down, or the stream has one of its own: each for itself.
                if len(batch) == 1:
                    self.count()
                else:
                    for single in batch:
                        await self._publish([single])
                return
            except BusUnavailableError as error:
                attempt += 1
                self._metrics.publish_failures.labels(_LABEL).inc()
                log.warning("refusals not stored yet", reason=str(error), deliveries=len(batch))
                await asyncio.sleep(backoff.delay(attempt, cap=2.0))
            else:
                self._dropped -= dropped
                self._metrics.batch_deliveries.labels(_LABEL).observe(len(batch))
                return
