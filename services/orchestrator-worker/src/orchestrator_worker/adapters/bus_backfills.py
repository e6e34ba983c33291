"""Backfills on the bus: which were asked for, and which run each of their fires became."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Final
from uuid import UUID

from trigger_contracts import streams
from trigger_contracts.backfills import CLAIMS, REQUESTS, BackfillRequested, BackfillRunClaimed
from trigger_contracts.codec import encode
from trigger_contracts.ids import backfill_execution_id
from trigger_runtime.bus import jetstream_api
from trigger_runtime.bus.connection import Bus, WrongLastSequenceError

_TIMEOUT: Final = 5.0


class BusBackfills:
    """Implements ``ports.Backfills``."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def requests(self, trigger_id: UUID) -> AsyncIterator[BackfillRequested]:
        """Yield the backfills that were asked for, oldest first."""
        subject, sequence = streams.backfill(trigger_id), 0
        while True:
            message = await jetstream_api.get_message(
                self._bus.client,
                stream=streams.BACKFILLS.name,
                request={"seq": sequence + 1, "next_by_subj": subject},
                timeout=_TIMEOUT,
            )
            if message is None:
                return
            sequence = message.sequence
            yield REQUESTS.decode(message.data)

    async def claim(self, request: BackfillRequested, *, nominal_time: datetime, run_id: str) -> bool:
        """Claim a fire of a backfill for a run; tell whether it is this run's."""
        execution_id = backfill_execution_id(
            request.trigger_id, request_id=request.request_id, nominal_time=nominal_time
        )
        subject = streams.backfill_run(execution_id)
        try:
            await self._bus.publish(
                subject, encode(BackfillRunClaimed(temporal_run_id=run_id)), after=0, timeout=_TIMEOUT
            )
        except WrongLastSequenceError:
            claimed = await self._bus.last(streams.BACKFILLS.name, subject=subject)
            return claimed is not None and CLAIMS.decode(claimed).temporal_run_id == run_id
        return True
