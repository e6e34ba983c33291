"""What comes from the bus: accepted deliveries, events, manual firings."""

from typing import Final

from orchestrator_worker.usecases import (
    Dispatcher,
    LogUnavailableError,
    StartUnavailableError,
    TooOldToStartError,
)
from trigger_contracts import events, streams
from trigger_contracts.codec import MalformedMessageError, UnknownMessageError
from trigger_contracts.deliveries import ACCEPTED, DeliveriesAccepted, LargeDeliveryAccepted
from trigger_contracts.firings import MANUAL
from trigger_contracts.streams import Stream
from trigger_runtime.bus.connection import Bus
from trigger_runtime.bus.consumer import Consumer, Handler, Subscription
from trigger_runtime.bus.jetstream_api import Received
from trigger_runtime.metrics import Metrics

_ACK_WAIT_SECONDS: Final = 10.0
"""How long after a crash a message is another one's; a start that was under way is found and not repeated."""

_CONCURRENCY: Final = 16
"""Messages in memory a consumer. Each may be a batch, and up to what the bus takes in size."""


def deliveries_consumer(bus: Bus, *, dispatcher: Dispatcher, metrics: Metrics) -> Consumer:
    """Return the consumer of accepted webhook deliveries."""

    async def on_deliveries_accepted(item: Received) -> None:
        match ACCEPTED.decode(item.data):
            case DeliveriesAccepted() as batch:
                await dispatcher.dispatch_deliveries(batch, stored_at=item.stored_at)
            case LargeDeliveryAccepted() as large:
                await dispatcher.dispatch_large_delivery(large, stored_at=item.stored_at)

    return _consumer(
        bus,
        stream=streams.DELIVERIES,
        durable=streams.DISPATCH_DELIVERIES,
        subject=streams.DELIVERIES_ACCEPTED,
        handle=on_deliveries_accepted,
        metrics=metrics,
    )


def events_consumer(bus: Bus, *, dispatcher: Dispatcher, metrics: Metrics) -> Consumer:
    """Return the consumer of internal CloudEvents."""

    async def on_event(item: Received) -> None:
        event = events.parse(item.data, subject=item.subject, headers=item.headers)
        await dispatcher.dispatch_event(event, stored_at=item.stored_at)

    return _consumer(
        bus,
        stream=streams.EVENTS,
        durable=streams.DISPATCH_EVENTS,
        subject=streams.EVENTS_ALL,
        handle=on_event,
        metrics=metrics,
    )


def firings_consumer(bus: Bus, *, dispatcher: Dispatcher, metrics: Metrics) -> Consumer:
    """Return the consumer of manual firings."""

    async def on_manual_firing(item: Received) -> None:
        await dispatcher.dispatch_firing(MANUAL.decode(item.data), stored_at=item.stored_at)

    return _consumer(
        bus,
        stream=streams.FIRINGS,
        durable=streams.DISPATCH_FIRINGS,
        subject=streams.FIRINGS_MANUAL,
        handle=on_manual_firing,
        metrics=metrics,
    )


def _consumer(
    bus: Bus, *, stream: Stream, durable: str, subject: str, handle: Handler, metrics: Metrics
) -> Consumer:
    subscription = Subscription(
        stream=stream.name,
        durable=durable,
        subjects=[subject],
        dead_letter_subject=streams.dead_letter(stream=stream.name, durable=durable),
        dead_letter_on=(MalformedMessageError, TooOldToStartError),
        # A message from the future waits for the release that can read it.
        retry_on=(StartUnavailableError, LogUnavailableError, UnknownMessageError),
        concurrency=_CONCURRENCY,
        ack_wait_seconds=_ACK_WAIT_SECONDS,
    )
    return Consumer(bus, subscription=subscription, handle=handle, metrics=metrics)
