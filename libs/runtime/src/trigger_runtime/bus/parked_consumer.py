"""The second consumer of a durable: it tries the messages that were parked."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

import structlog

from trigger_runtime.bus.connection import Bus
from trigger_runtime.bus.consumer import Consumer, Handler
from trigger_runtime.bus.jetstream_api import Received
from trigger_runtime.bus.parking import SEQUENCE
from trigger_runtime.bus.subscription import Subscription
from trigger_runtime.metrics import Metrics

log = structlog.stdlib.get_logger(__name__)


def parked_consumer(
    bus: Bus,
    *,
    subscription: Subscription,
    handle: Handler,
    metrics: Metrics,
    gate: Callable[[], Awaitable[None]] | None = None,
) -> Consumer:
    """Return the consumer of what a consumer of ``subscription`` has parked.

    ``handle`` gets the message as it is in its own stream. One that it cannot read either waits here, where
    it is in the way of parked ones only. ``ValueError`` for a subscription that parks nothing.
    """
    parking = subscription.parking
    if parking is None:
        raise ValueError(f"{subscription.durable} parks nothing")

    async def on_parked(item: Received) -> None:
        sequence = int(item.headers[SEQUENCE])
        stored = await bus.stored(subscription.stream, sequence=sequence)
        if stored is None:
            log.error("parked message gone", message_stream=subscription.stream, message_sequence=sequence)
            return
        await handle(
            replace(
                item,
                subject=stored.subject,
                data=stored.data,
                stream=subscription.stream,
                sequence=sequence,
                stored_at=stored.stored_at,
                headers=stored.headers,
            )
        )

    parked = replace(
        subscription,
        stream=parking.stream,
        durable=f"{subscription.durable}-parked",
        subjects=(parking.subject,),
        retry_on=(*subscription.retry_on, *parking.errors),
        parking=None,
        # They have waited for a release; what is new comes first.
        concurrency=1,
    )
    return Consumer(bus, subscription=parked, handle=on_parked, metrics=metrics, gate=gate)
