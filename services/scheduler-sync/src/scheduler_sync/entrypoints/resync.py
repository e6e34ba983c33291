"""The clock that wakes the service: everything is compared at start, and again and again."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

import structlog
from prometheus_client import CollectorRegistry, Gauge

from scheduler_sync.ports import BusAwayError, Leadership, TemporalAwayError
from scheduler_sync.usecases.comparing import Comparison, Resynced
from trigger_runtime import backoff

log = structlog.stdlib.get_logger(__name__)


_NOT_KNOWN: Final = -1


class Lease(Leadership, Protocol):
    """A leadership that can be waited for."""

    async def taken(self) -> None:
        """Wait until it is held."""


class Resync:
    """A loop that never ends: a comparison that fails is only tried again."""

    def __init__(
        self,
        comparison: Comparison,
        *,
        caught_up: Callable[[], Awaitable[None]],
        lease: Lease,
        seconds: float,
        registry: CollectorRegistry,
    ) -> None:
        self._comparison = comparison
        self._caught_up = caught_up
        self._lease = lease
        self._seconds = seconds
        self._drifting_since: float | None = None
        self._drift = Gauge(
            "schedules_drift",
            "Schedules that are not as they shall be, after the last look; -1 where it could not be had.",
            registry=registry,
        )
        self._found = Gauge(
            "schedules_drift_found", "Schedules that differed at the last look.", registry=registry
        )
        age = Gauge(
            "schedules_drift_age_seconds",
            "How long the drift has not been 0; 0 where it is.",
            registry=registry,
        )
        age.set_function(self._age)
        self._unknown = Gauge("schedules_unknown", "Schedules whose trigger nobody knows.", registry=registry)
        self._compared = Gauge("schedules_compared", "Triggers compared at the last look.", registry=registry)
        self._at = Gauge("schedules_compared_at_seconds", "Unix time of the last look.", registry=registry)

    async def run(self) -> None:
        """Compare, wait, compare. What it acts on is complete: it waits until all triggers are known."""
        await self._caught_up()
        attempt = 0
        while True:
            if not self._lease.held():
                # Whoever compares now tells of it; the sum over the replicas is what there is.
                self._tell(drift=0)
                self._found.set(0)
                self._unknown.set(0)
            await self._lease.taken()
            try:
                found = await self._comparison.resync(leadership=self._lease)
                self._show(found)
                away = found.away
            except (TemporalAwayError, BusAwayError) as error:
                self._tell(drift=_NOT_KNOWN)
                away = error
            if away is None:
                attempt = 0
                await asyncio.sleep(self._seconds)
            else:
                attempt += 1
                log.warning("resync interrupted", reason=str(away))
                await asyncio.sleep(backoff.delay(attempt))

    def _show(self, found: Resynced) -> None:
        self._found.set(found.drift)
        self._tell(drift=found.left)
        self._unknown.set(found.unknown)
        self._compared.set(found.compared)
        self._at.set_to_current_time()

    def _tell(self, *, drift: int) -> None:
        """Show the drift, and for how long there has been one; what is not known may be one."""
        self._drift.set(drift)
        if not drift:
            self._drifting_since = None
        elif self._drifting_since is None:
            self._drifting_since = time.monotonic()

    def _age(self) -> float:
        return 0.0 if self._drifting_since is None else time.monotonic() - self._drifting_since
