"""What is read from the bus."""

from typing import Final

from scheduler_sync.adapters.temporal_schedules import CONCURRENCY
from scheduler_sync.ports import TemporalUnavailableError
from scheduler_sync.usecases.reconciler import Reconciler
from trigger_contracts import config, streams
from trigger_contracts.codec import MalformedMessageError, UnknownMessageError
from trigger_runtime.bus.connection import BusUnavailableError
from trigger_runtime.bus.jetstream_api import Received
from trigger_runtime.bus.subscription import Parking, Subscription

TRIGGERS: Final = Subscription(
    stream=streams.CONFIG.name,
    durable=streams.SYNC_SCHEDULES,
    subjects=[streams.CONFIG_TRIGGERS],
    dead_letter_subject=streams.dead_letter(stream=streams.CONFIG.name, durable=streams.SYNC_SCHEDULES),
    dead_letter_on=(MalformedMessageError,),
    retry_on=(TemporalUnavailableError, BusUnavailableError),
    # A message of a newer release waits until that runs here.
    parking=Parking(
        stream=streams.PARKED.name,
        subject=streams.parked(stream=streams.CONFIG.name, durable=streams.SYNC_SCHEDULES),
        errors=(UnknownMessageError,),
    ),
    # Twice what Temporal gets at a time: the bus is read meanwhile.
    concurrency=2 * CONCURRENCY,
)


async def on_trigger_changed(message: Received, *, reconciler: Reconciler) -> None:
    """Reconcile the trigger of a message of ``config.trigger.*``, which only says which one that is."""
    changed = config.TRIGGERS.decode(message.data)
    if isinstance(changed.trigger.config, config.ScheduleConfig):
        await reconciler.reconcile(changed.trigger.id, seen=changed.trigger.version)
