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

    def is_known(self) -> bool:
        """Tell whether it has been seen of late who has it."""


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
        self._left = 0
        self._drifting_since: float | None = None
        drift = Gauge(
            "schedules_drift",
            "Schedules that are not as they shall be, after the last look; -1 where it could not be had.",
            registry=registry,
        )
        # When it is asked for: whoever has lost the lease, or cannot know, need not have noticed before.
        drift.set_function(self._drift)
        age = Gauge(
            "schedules_drift_age_seconds",
            "How long the drift has not been 0; 0 where it is.",
            registry=registry,
        )
        age.set_function(self._age)
        self._found = Gauge(
            "schedules_drift_found", "Schedules that differed at the last look.", registry=registry
        )
        self._unknown = Gauge("schedules_unknown", "Schedules whose trigger nobody knows.", registry=registry)
        self._unreadable = Gauge(
            "schedules_unreadable", "Triggers whose newest state cannot be read.", registry=registry
        )
        self._unseen = Gauge(
            "schedules_unseen",
            "Schedules that should have been described at the last look, and could not be.",
            registry=registry,
        )
        self._compared = Gauge("schedules_compared", "Triggers compared at the last look.", registry=registry)
        self._at = Gauge("schedules_compared_at_seconds", "Unix time of the last look.", registry=registry)

    async def run(self) -> None:
        """Compare, wait, compare. What it acts on is complete: it waits until all triggers are known."""
        await self._caught_up()
        attempt = 0
        while True:
            if not self._lease.held():
                # Whoever compares now tells of it; the sum over the replicas is what there is.
                self._tell(left=0)
                self._found.set(0)
                self._unknown.set(0)
                self._unreadable.set(0)
                self._unseen.set(0)
            await self._lease.taken()
            if await self._compare():
                attempt = 0
                await asyncio.sleep(self._seconds)
            else:
                attempt += 1
                await asyncio.sleep(backoff.delay(attempt))

    async def _compare(self) -> bool:
        """Compare once; return whether nothing was away."""
        try:
            found = await self._comparison.resync(leadership=self._lease)
        except (TemporalAwayError, BusAwayError) as error:
            self._tell(left=_NOT_KNOWN)
            log.warning("resync interrupted", reason=str(error))
            return False
        except Exception:
            # Nobody waits for this task: if it ended, the service would, and at its next start again.
            self._tell(left=_NOT_KNOWN)
            log.exception("resync failed")
            return False
        self._show(found)
        if found.away is not None:
            log.warning("resync interrupted", reason=str(found.away))
        return found.away is None

    def _show(self, found: Resynced) -> None:
        self._tell(left=found.left)
        self._found.set(found.drift)
        self._unknown.set(found.unknown)
        self._unreadable.set(found.unreadable)
        self._unseen.set(found.unseen)
        self._compared.set(found.compared)
        self._at.set_to_current_time()

    def _tell(self, *, left: int) -> None:
        self._left = left
        self._age()

    def _drift(self) -> float:
        if self._lease.held():
            return self._left
        return 0 if self._lease.is_known() else _NOT_KNOWN

    def _age(self) -> float:
        """Return for how long there has been a drift; what is not known may be one."""
        now = time.monotonic()
        if not self._drift():
            self._drifting_since = None
            return 0.0
        if self._drifting_since is None:
            self._drifting_since = now
        return now - self._drifting_since
