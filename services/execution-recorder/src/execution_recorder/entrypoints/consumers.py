"""What comes from the bus: webhook requests, manual firings, facts of executions."""

from collections.abc import Callable, Sequence
from typing import Final

import structlog

from execution_recorder.domain.facts import RAW_FACTS
from execution_recorder.ports import Recording, ValueRefusedError
from execution_recorder.usecases import (
    record_deliveries,
    record_fact,
    record_large_delivery,
    record_manual_firing,
)
from trigger_contracts import deliveries, firings, streams
from trigger_contracts.codec import MalformedMessageError, UnknownMessageError
from trigger_contracts.deliveries import DeliveriesRejected, LargeDeliveryAccepted
from trigger_runtime.bus.connection import BusUnavailableError
from trigger_runtime.bus.jetstream_api import Received
from trigger_runtime.bus.object_store import ObjectStore
from trigger_runtime.bus.subscription import Parking, Subscription
from trigger_runtime.postgres import DatabaseUnavailableError

log = structlog.stdlib.get_logger(__name__)


def _subscription(
    stream: streams.Stream, *, durable: str, subjects: Sequence[str], concurrency: int
) -> Subscription:
    return Subscription(
        stream=stream.name,
        durable=durable,
        subjects=subjects,
        dead_letter_subject=streams.dead_letter(stream=stream.name, durable=durable),
        dead_letter_on=(MalformedMessageError, ValueRefusedError),
        retry_on=(DatabaseUnavailableError, BusUnavailableError),
        # A message of a newer release waits for the release that can read it.
        parking=Parking(
            stream=streams.PARKED.name,
            subject=streams.parked(stream=stream.name, durable=durable),
            errors=(UnknownMessageError,),
        ),
        concurrency=concurrency,
    )


# All handlers together stay below the default of DATABASE_MAX_CONNECTIONS, so that readers get theirs.
# Parked messages, one at a time for each, need a connection only after a newer release has come back.
DELIVERIES: Final = _subscription(
    streams.DELIVERIES,
    durable=streams.RECORD_DELIVERIES,
    subjects=(streams.DELIVERIES_ACCEPTED,),
    # A message is a batch of up to some megabytes: a few at a time bound the memory.
    concurrency=2,
)
REJECTIONS: Final = _subscription(
    streams.REJECTIONS,
    durable=streams.RECORD_REJECTIONS,
    subjects=(streams.DELIVERIES_REJECTED,),
    concurrency=1,
)
FIRINGS: Final = _subscription(
    streams.FIRINGS, durable=streams.RECORD_FIRINGS, subjects=(streams.FIRINGS_MANUAL,), concurrency=1
)
EXECUTIONS: Final = _subscription(
    streams.EXECUTIONS,
    durable=streams.RECORD_EXECUTIONS,
    subjects=streams.EXECUTIONS.subjects,
    concurrency=4,
)


async def on_deliveries(
    message: Received,
    *,
    recording: Recording,
    bodies: ObjectStore,
    count_unrecorded: Callable[[int], None],
) -> None:
    """Record a batch of webhook requests."""
    batch = deliveries.DELIVERIES.decode(message.data)
    if isinstance(batch, LargeDeliveryAccepted):
        await record_large_delivery(batch, bodies=bodies, recording=recording)
        return
    await record_deliveries(batch, recording=recording)
    if isinstance(batch, DeliveriesRejected) and batch.dropped:
        count_unrecorded(batch.dropped)
        log.warning("refusals not recorded", count=batch.dropped)


async def on_manual_firing(message: Received, *, recording: Recording) -> None:
    """Record that a run was asked for by hand."""
    firing = firings.MANUAL.decode(message.data)
    structlog.contextvars.bind_contextvars(
        execution_id=str(firing.execution_id), request_id=firing.request_id
    )
    await record_manual_firing(firing, recording=recording)


async def on_fact(message: Received, *, recording: Recording) -> None:
    """Record a lifecycle fact of an execution."""
    fact = RAW_FACTS.decode(message.data)
    structlog.contextvars.bind_contextvars(execution_id=str(fact.execution.id))
    await record_fact(fact, recording=recording)
