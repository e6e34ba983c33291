"""Facts about schedules, to ``SCHEDULES``."""

from scheduler_sync.ports import BusAwayError
from trigger_contracts import codec, streams
from trigger_contracts.schedules import AnyScheduleFact
from trigger_runtime.bus.connection import Bus, BusUnavailableError


class ScheduleFacts:
    """Publishes to the trigger's subject; the stream keeps the last fact of each."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def announce(self, fact: AnyScheduleFact) -> None:
        """Store a fact."""
        try:
            await self._bus.publish(streams.schedule(fact.trigger_id), codec.encode(fact))
        except BusUnavailableError as error:
            raise BusAwayError(str(error)) from error
