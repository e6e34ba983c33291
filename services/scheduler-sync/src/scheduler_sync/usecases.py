"""Reconciling: look at what shall be and what is, do the difference, say what became of it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, assert_never
from uuid import UUID

import structlog

from scheduler_sync.domain.desired import DesiredSchedule, desired_schedule
from scheduler_sync.domain.plan import ActualSchedule, Create, Delete, Nothing, Step, Update, plan
from scheduler_sync.ports import Announcements, Configuration, ScheduleRefusedError, Schedules
from trigger_contracts.config import TriggerState, TriggerType, trigger_type_of
from trigger_contracts.schedules import ScheduleRemoved, ScheduleSynced, ScheduleSyncFailed, schedule_id
from trigger_cron import CronError

log = structlog.stdlib.get_logger(__name__)

_ANNOUNCED: Final = 5
"""Next fire times in a fact. Temporal's listing has five and a description ten: take what both have."""


@dataclass(frozen=True, slots=True)
class Resynced:
    """What a comparison of everything found: how many differed, and how many nobody knows."""

    compared: int
    drift: int
    unknown: int


class Reconciler:
    """One trigger at a time, or all of them; work on one trigger is serialised."""

    def __init__(
        self,
        schedules: Schedules,
        *,
        configuration: Configuration,
        announcements: Announcements,
        now: Callable[[], datetime],
    ) -> None:
        self._schedules = schedules
        self._configuration = configuration
        self._announcements = announcements
        self._now = now
        self._locks: dict[UUID, tuple[asyncio.Lock, int]] = {}
        self._announced: dict[UUID, tuple[datetime, ...]] = {}

    async def sync(self, trigger_id: UUID) -> None:
        """Make one trigger's schedule as it shall be now, whatever it was that woke us.

        Raises ``TemporalAwayError`` or ``BusAwayError``: try again.
        """
        async with self._one_at_a_time(trigger_id):
            trigger = await self._configuration.latest(trigger_id)
            if trigger is not None and trigger_type_of(trigger.config) is TriggerType.SCHEDULE:
                await self._reconcile(trigger)

    async def resync(self) -> Resynced:
        """Compare everything, and sync what differs.

        A schedule without a trigger is deleted only where its trigger is known to be deleted: an
        empty bus must not delete every schedule.
        """
        actual = {schedule.schedule_id: schedule async for schedule in self._schedules.all()}
        triggers = {schedule_id(state.id): state for state in self._configuration.schedule_triggers()}
        differing = [state for key, state in triggers.items() if _differs(state, actual=actual.get(key))]
        for state in differing:
            await self.sync(state.id)
        just_announced = {schedule_id(state.id) for state in differing}
        for key in (actual.keys() & triggers.keys()) - just_announced:
            await self._announce_times(triggers[key], actual=actual[key])
        unknown = actual.keys() - triggers.keys()
        if unknown:
            log.warning("schedules without a trigger", count=len(unknown), some=sorted(unknown)[:5])
        return Resynced(compared=len(triggers), drift=len(differing), unknown=len(unknown))

    async def _reconcile(self, trigger: TriggerState) -> None:
        try:
            desired = desired_schedule(trigger)
            actual = await self._schedules.describe(schedule_id(trigger.id))
            step = plan(desired, actual=actual)
            await self._apply(step)
        except (CronError, ScheduleRefusedError) as error:
            log.error("schedule refused", trigger_id=str(trigger.id), reason=str(error))
            await self._announcements.announce(
                ScheduleSyncFailed(
                    trigger_id=trigger.id,
                    trigger_version=trigger.version,
                    schedule_id=schedule_id(trigger.id),
                    at=self._now(),
                    reason=str(error),
                )
            )
            return
        if not isinstance(step, Nothing):
            log.info("schedule synced", step=type(step).__name__.lower(), trigger_id=str(trigger.id))
        await self._announce(trigger, desired=desired)

    async def _apply(self, step: Step) -> None:
        match step:
            case Create():
                await self._schedules.create(step.desired)
            case Update():
                await self._schedules.update(step.desired)
            case Delete():
                await self._schedules.delete(step.schedule_id)
            case Nothing():
                pass
            case _:
                assert_never(step)

    async def _announce(self, trigger: TriggerState, *, desired: DesiredSchedule | None) -> None:
        if desired is None:
            self._announced.pop(trigger.id, None)
            await self._announcements.announce(
                ScheduleRemoved(
                    trigger_id=trigger.id,
                    trigger_version=trigger.version,
                    schedule_id=schedule_id(trigger.id),
                    at=self._now(),
                )
            )
            return
        after = await self._schedules.describe(desired.schedule_id)
        self._announced.pop(trigger.id, None)
        if after is not None:
            await self._announce_times(trigger, actual=after)

    async def _announce_times(self, trigger: TriggerState, *, actual: ActualSchedule) -> None:
        times = () if actual.paused else actual.next_fire_times[:_ANNOUNCED]
        if trigger.deleted_at is not None or self._announced.get(trigger.id) == times:
            return
        await self._announcements.announce(
            ScheduleSynced(
                trigger_id=trigger.id,
                trigger_version=trigger.version,
                schedule_id=actual.schedule_id,
                at=self._now(),
                next_fire_times=times,
            )
        )
        self._announced[trigger.id] = times

    @contextlib.asynccontextmanager
    async def _one_at_a_time(self, trigger_id: UUID) -> AsyncIterator[None]:
        """Serialise by trigger: Temporal's updates carry no token that would catch a lost race."""
        lock, users = self._locks.get(trigger_id, (asyncio.Lock(), 0))
        self._locks[trigger_id] = (lock, users + 1)
        try:
            async with lock:
                yield
        finally:
            lock, users = self._locks[trigger_id]
            if users == 1:
                del self._locks[trigger_id]
            else:
                self._locks[trigger_id] = (lock, users - 1)


def _differs(state: TriggerState, *, actual: ActualSchedule | None) -> bool:
    try:
        return not isinstance(plan(desired_schedule(state), actual=actual), Nothing)
    except CronError:
        return True
