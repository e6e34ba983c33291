"""The loop that compares everything: at start, and again and again."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

import structlog
from prometheus_client import CollectorRegistry, Gauge

from scheduler_sync.adapters.resync_lease import ResyncLease
from scheduler_sync.domain.dropped_fires import NONE
from scheduler_sync.ports import TemporalUnavailableError
from scheduler_sync.usecases.full_resync import FullResync, ResyncResult
from trigger_contracts.schedule_requests import DroppedFires
from trigger_runtime import backoff
from trigger_runtime.bus.connection import BusUnavailableError

log = structlog.stdlib.get_logger(__name__)


_NOT_KNOWN: Final = -1


class ResyncLoop:
    """Never ends: a comparison that fails is only tried again."""

    def __init__(
        self,
        resync: FullResync,
        *,
        caught_up: Callable[[], Awaitable[None]],
        lease: ResyncLease,
        seconds: float,
        registry: CollectorRegistry,
    ) -> None:
        self._resync = resync
        self._caught_up = caught_up
        self._lease = lease
        self._seconds = seconds
        self._left = 0
        self._drifting_since: float | None = None
        drift = Gauge(
            "schedules_drift",
            "Schedules that differ from the configuration after the last comparison; -1 is not known.",
            registry=registry,
        )
        # Computed when it is read: a replica that lost the lease, or cannot know, need not have noticed.
        drift.set_function(self._drift)
        age = Gauge(
            "schedules_drift_age_seconds",
            "For how long the drift has not been 0; 0 where it is.",
            registry=registry,
        )
        age.set_function(self._age)
        self._differed = Gauge(
            "schedules_drift_found", "Schedules that differed before the last comparison.", registry=registry
        )
        self._unknown = Gauge("schedules_unknown", "Schedules without a trigger.", registry=registry)
        self._unreadable = Gauge(
            "schedules_unreadable", "Triggers whose newest state cannot be read.", registry=registry
        )
        self._not_described = Gauge(
            "schedules_unseen",
            "Schedules that the last comparison could not describe when it was their turn.",
            registry=registry,
        )
        self._times_differ = Gauge(
            "schedules_times_differ",
            "Schedules that fire at other times than computed here: the time zone databases differ.",
            registry=registry,
        )
        self._dropped = Gauge(
            "schedules_fires_dropped",
            "Fires that Temporal dropped of the schedules that exist, as each was last described.",
            ["reason"],
            registry=registry,
        )
        self._compared = Gauge(
            "schedules_compared", "Triggers compared at the last comparison.", registry=registry
        )
        self._at = Gauge(
            "schedules_compared_at_seconds", "Unix time of the last comparison.", registry=registry
        )

    async def run(self) -> None:
        """Compare, wait, compare. It waits until all triggers are known: a missing one would be deleted."""
        await self._caught_up()
        attempt = 0
        while True:
            if not self._lease.is_leader():
                # The leader shows these; the sum over the replicas is what there is.
                self._set_left(0)
                for gauge in (
                    self._differed,
                    self._unknown,
                    self._unreadable,
                    self._not_described,
                    self._times_differ,
                ):
                    gauge.set(0)
                self._show_dropped(NONE)
            await self._lease.elected()
            if await self._compare():
                attempt = 0
                await asyncio.sleep(self._seconds)
            else:
                attempt += 1
                await asyncio.sleep(backoff.delay(attempt))

    async def _compare(self) -> bool:
        """Compare once; return whether everything could be reached."""
        try:
            result = await self._resync.run(leadership=self._lease)
        except (TemporalUnavailableError, BusUnavailableError) as error:
            self._set_left(_NOT_KNOWN)
            log.warning("resync interrupted", reason=str(error))
            return False
        except Exception:
            # If this task ended, the service would end too, and again after its next start.
            self._set_left(_NOT_KNOWN)
            log.exception("resync failed")
            return False
        self._show(result)
        if result.outage is not None:
            log.warning("resync interrupted", reason=str(result.outage))
        return result.outage is None

    def _show(self, result: ResyncResult) -> None:
        self._set_left(result.left)
        self._differed.set(result.drift)
        self._unknown.set(result.unknown)
        self._unreadable.set(result.unreadable)
        self._not_described.set(result.not_described)
        self._times_differ.set(result.times_differ)
        self._show_dropped(result.dropped_fires)
        self._compared.set(result.compared)
        self._at.set_to_current_time()

    def _show_dropped(self, dropped: DroppedFires) -> None:
        self._dropped.labels(reason="catchup_window").set(dropped.missed_catchup_window)
        self._dropped.labels(reason="overlap").set(dropped.skipped_overlap)
        self._dropped.labels(reason="buffer_full").set(dropped.buffer_full)

    def _set_left(self, left: int) -> None:
        self._left = left
        self._age()

    def _drift(self) -> float:
        if self._lease.is_leader():
            return self._left
        return 0 if self._lease.is_leader_known() else _NOT_KNOWN

    def _age(self) -> float:
        """Return for how long there has been a drift; an unknown drift counts as one."""
        now = time.monotonic()
        if not self._drift():
            self._drifting_since = None
            return 0.0
        if self._drifting_since is None:
            self._drifting_since = now
        return now - self._drifting_since
