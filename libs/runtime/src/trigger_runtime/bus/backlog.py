"""How much waits at a durable consumer."""

import asyncio
from typing import Final

import structlog

from trigger_runtime.bus.connection import Bus
from trigger_runtime.bus.jetstream_api import OUTAGE
from trigger_runtime.metrics import Metrics

log = structlog.stdlib.get_logger(__name__)

_SECONDS: Final = 10.0


async def watch_backlog(bus: Bus, *, stream: str, durable: str, max_unsettled: int, metrics: Metrics) -> None:
    """Show for ever how many messages wait, and say when so many do that the server delivers no newer one."""
    while True:
        await asyncio.sleep(_SECONDS)
        try:
            info = await bus.js.consumer_info(stream, durable)
        except OUTAGE:
            continue  # the consumer's own loop says so
        unsettled = info.num_ack_pending or 0
        metrics.unsettled.labels(durable=durable).set(unsettled)
        metrics.pending.labels(durable=durable).set(info.num_pending or 0)
        if unsettled >= max_unsettled:
            log.error(
                "too many messages wait; newer ones are not delivered",
                durable=durable,
                waiting=unsettled,
                behind_them=info.num_pending,
            )
