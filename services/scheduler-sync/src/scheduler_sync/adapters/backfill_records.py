"""Requests for backfills on the stream ``BACKFILLS``."""

from trigger_contracts import codec, streams
from trigger_contracts.backfills import BackfillRequested
from trigger_runtime.bus.connection import Bus


class BusBackfillRecords:
    """Implements ``ports.BackfillRecords``."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def record(self, request: BackfillRequested) -> None:
        """Store it; the same request again, within the bus's window, is stored once."""
        await self._bus.publish(
            streams.backfill(request.trigger_id),
            codec.encode(request),
            message_id=f"backfill:{request.request_id}",
        )
