"""The clock that wakes the service: everything is compared at start, and again and again."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog
from prometheus_client import CollectorRegistry, Gauge

from scheduler_sync.ports import BusAwayError, TemporalAwayError
from scheduler_sync.usecases import Reconciler
from trigger_runtime import backoff

log = structlog.stdlib.get_logger(__name__)


class Resync:
    """A loop that never ends: a comparison that fails is only tried again."""

    def __init__(
        self,
        reconciler: Reconciler,
        *,
        caught_up: Callable[[], Awaitable[None]],
        seconds: float,
        registry: CollectorRegistry,
    ) -> None:
        self._reconciler = reconciler
        self._caught_up = caught_up
        self._seconds = seconds
        self._drift = Gauge("schedules_drift", "Schedules that differed at the last look.", registry=registry)
        self._unknown = Gauge("schedules_unknown", "Schedules whose trigger nobody knows.", registry=registry)
        self._compared = Gauge("schedules_compared", "Triggers compared at the last look.", registry=registry)
        self._at = Gauge("schedules_compared_at_seconds", "Unix time of the last look.", registry=registry)

    async def run(self) -> None:
        """Compare, wait, compare. What it acts on is complete: it waits until all triggers are known."""
        await self._caught_up()
        attempt = 0
        while True:
            try:
                found = await self._reconciler.resync()
            except (TemporalAwayError, BusAwayError) as error:
                attempt += 1
                log.warning("resync interrupted", reason=str(error))
                await asyncio.sleep(backoff.delay(attempt))
                continue
            attempt = 0
            self._drift.set(found.drift)
            self._unknown.set(found.unknown)
            self._compared.set(found.compared)
            self._at.set_to_current_time()
            await asyncio.sleep(self._seconds)
