"""Accepted deliveries whose body no message should hold: the body first, then what points to it."""

import asyncio
from asyncio import Future
from collections.abc import Callable
from typing import Final
from uuid import UUID

import msgspec
import structlog

from trigger_contracts import streams
from trigger_contracts.codec import encode
from trigger_contracts.deliveries import (
    AcceptedDelivery,
    ClaimCheck,
    LargeDeliveryAccepted,
    LargeDeliveryAccepted2,
)
from trigger_runtime.bus.connection import Bus, BusUnavailableError, MessageTooLargeError
from trigger_runtime.bus.object_store import ObjectStore
from webhook_ingress.adapters.ingress_metrics import IngressMetrics
from webhook_ingress.ports import AcceptedLog, DeliveryTooLargeError, UnavailableError

log = structlog.stdlib.get_logger(__name__)

_LABEL: Final = "large"
_BYTES_PER_SECOND: Final = 8 * 1024 * 1024
"""What a store must take of a large body, beside the time that any delivery may wait for the bus."""


class LargeDeliveries:
    """Stores one delivery with its claim check. The object is confirmed before the message is published.

    Bodies in progress are bounded in bytes: over that the response is 503 at once.
    """

    def __init__(
        self,
        bus: Bus,
        *,
        queue_bytes: int,
        publish_seconds: float,
        new_id: Callable[[], UUID],
        metrics: IngressMetrics,
    ) -> None:
        self._bus = bus
        self._store = ObjectStore(bus, bucket=streams.DELIVERY_BODIES)
        self._queue_bytes = queue_bytes
        self._publish_seconds = publish_seconds
        self._new_id = new_id
        self._metrics = metrics
        self._held_bytes = 0

    async def store(self, delivery: AcceptedDelivery) -> None:
        """Return once the bus has the body and the delivery; ``UnavailableError``, ``DeliveryTooLargeError``.

        The wait is ``publish_seconds`` for what is small, and for a large body as long again as it takes at
        8 MiB/s.
        """
        size = len(delivery.body)
        if self._held_bytes + size > self._queue_bytes:
            raise UnavailableError("Too many requests wait to be stored. Try again shortly.")
        self._held_bytes += size
        try:
            await self._store_both(delivery)
        except MessageTooLargeError:
            raise DeliveryTooLargeError from None
        except BusUnavailableError as error:
            self._metrics.publish_failures.labels(_LABEL).inc()
            log.warning(
                "large delivery not stored", reason=str(error), bytes=size, request_id=delivery.request_id
            )
            raise UnavailableError("The request could not be stored in time. Try again.") from error
        finally:
            self._held_bytes -= size

    async def _store_both(self, delivery: AcceptedDelivery) -> None:
        size = len(delivery.body)
        seconds = self._publish_seconds / 2 + size / _BYTES_PER_SECOND
        sha256 = await self._store.put(str(delivery.id), data=delivery.body, seconds=seconds)
        kind = LargeDeliveryAccepted if delivery.reading is None else LargeDeliveryAccepted2
        message = kind(
            delivery=msgspec.structs.replace(delivery, body=b""),
            claim=ClaimCheck(key=delivery.id, size=size, sha256=sha256),
        )
        await self._bus.publish(
            streams.DELIVERIES_ACCEPTED,
            encode(message),
            message_id=str(self._new_id()),
            timeout=self._publish_seconds / 2,
        )
        self._metrics.batch_deliveries.labels(_LABEL).observe(1)


class BySize:
    """The port ``AcceptedLog``: what is over ``longest_inline`` bytes takes the other way."""

    def __init__(self, *, usual: AcceptedLog, large: LargeDeliveries, longest_inline: int) -> None:
        self._usual = usual
        self._large = large
        self._longest_inline = longest_inline
        self._tasks: set[asyncio.Task[None]] = set()

    def publish(self, delivery: AcceptedDelivery) -> "Future[None]":
        if not self._is_large(delivery):
            return self._usual.publish(delivery)
        task = asyncio.create_task(self._large.store(delivery))
        # The loop itself holds tasks weakly.
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _is_large(self, delivery: AcceptedDelivery) -> bool:
        return len(delivery.body) > self._longest_inline
