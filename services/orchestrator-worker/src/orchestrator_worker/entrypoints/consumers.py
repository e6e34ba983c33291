"""What comes from the bus: accepted deliveries, events, manual firings."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final

from orchestrator_worker.ports import StartUnavailableError
from orchestrator_worker.usecases.dispatcher import Dispatcher, TooOldToStartError
from trigger_contracts import events, streams
from trigger_contracts.codec import MalformedMessageError, UnknownMessageError
from trigger_contracts.deliveries import ACCEPTED, DeliveriesAccepted, LargeDeliveryAccepted
from trigger_contracts.firings import MANUAL
from trigger_runtime.bus.connection import BusUnavailableError
from trigger_runtime.bus.jetstream_api import Received
from trigger_runtime.bus.subscription import Parking, Subscription


def _subscription(stream: streams.Stream, *, durable: str, subject: str) -> Subscription:
    return Subscription(
        stream=stream.name,
        durable=durable,
        subjects=[subject],
        dead_letter_subject=streams.dead_letter(stream=stream.name, durable=durable),
        dead_letter_on=(MalformedMessageError, TooOldToStartError),
        retry_on=(StartUnavailableError, BusUnavailableError),
        # A message of a newer release waits for the release that can read it.
        parking=Parking(
            stream=streams.PARKED.name,
            subject=streams.parked(stream=stream.name, durable=durable),
            errors=(UnknownMessageError,),
        ),
        # Messages in memory. Each may be a batch, as large as the bus takes.
        concurrency=16,
        # After a crash another process gets the message. A start that was under way is not repeated.
        ack_wait_seconds=10.0,
    )


DELIVERIES: Final = _subscription(
    streams.DELIVERIES, durable=streams.DISPATCH_DELIVERIES, subject=streams.DELIVERIES_ACCEPTED
)
EVENTS: Final = replace(
    _subscription(streams.EVENTS, durable=streams.DISPATCH_EVENTS, subject=streams.EVENTS_ALL),
    # Every service may publish there, so what comes is not of our making.
    refuse_on=(MalformedMessageError,),
    refused_subject=streams.EVENTS_REFUSED,
    # A CloudEvent has one version here: there is nothing that only a newer release reads.
    parking=None,
)
FIRINGS: Final = _subscription(
    streams.FIRINGS, durable=streams.DISPATCH_FIRINGS, subject=streams.FIRINGS_MANUAL
)


async def on_deliveries_accepted(message: Received, *, dispatcher: Dispatcher) -> None:
    """Start the executions of accepted webhook deliveries."""
    match ACCEPTED.decode(message.data):
        case DeliveriesAccepted() as batch:
            await dispatcher.dispatch_deliveries(batch, stored_at=message.stored_at)
        case LargeDeliveryAccepted() as large:
            await dispatcher.dispatch_large_delivery(large, stored_at=message.stored_at)


async def on_event(
    message: Received, *, dispatcher: Dispatcher, directory_current: Callable[[], Awaitable[None]]
) -> None:
    """Start the executions of an internal CloudEvent.

    ``directory_current`` waits until the triggers are known as they were when the event came: an event that
    is matched with older ones would be lost for a new trigger, and start a paused one.
    """
    event = events.parse(message.data, subject=message.subject, headers=message.headers)
    await directory_current()
    await dispatcher.dispatch_event(event, stored_at=message.stored_at)


async def on_manual_firing(message: Received, *, dispatcher: Dispatcher) -> None:
    """Start the execution that was asked for by hand."""
    await dispatcher.dispatch_firing(MANUAL.decode(message.data), stored_at=message.stored_at)
