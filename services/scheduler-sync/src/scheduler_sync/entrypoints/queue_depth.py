"""How many changes wait: not begun yet, under way, or to be tried again."""

import asyncio
from typing import Final

import structlog
from nats import errors as nats_errors
from prometheus_client import CollectorRegistry, Gauge

from trigger_runtime.bus.connection import Bus, BusUnavailableError, describe

log = structlog.stdlib.get_logger(__name__)

_POLL_SECONDS: Final = 5.0


class QueueDepth:
    """Asks the bus: all replicas share one queue. -1 is not known."""

    def __init__(self, bus: Bus, *, stream: str, durable: str, registry: CollectorRegistry) -> None:
        self._bus = bus
        self._stream = stream
        self._durable = durable
        self._gauge = Gauge(
            "schedules_queue_depth",
            "Changes of triggers that are not synced yet; -1 is not known.",
            registry=registry,
        )
        self._gauge.set(-1)

    async def run(self) -> None:
        """Poll, and never end."""
        while True:
            if self._bus.check() is not None:
                self._gauge.set(-1)
            await self._bus.ready()
            try:
                info = await self._bus.js.consumer_info(self._stream, self._durable)
                self._gauge.set((info.num_pending or 0) + (info.num_ack_pending or 0))
            except (BusUnavailableError, nats_errors.Error, TimeoutError, OSError) as error:
                # Also where the consumer does not exist yet.
                self._gauge.set(-1)
                log.info("queue depth not known", reason=describe(error))
            await asyncio.sleep(_POLL_SECONDS)
