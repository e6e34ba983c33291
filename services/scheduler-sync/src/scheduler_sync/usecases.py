"""Reconciling: look at what shall be and what is, do the difference, say what became of it; describing."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, assert_never
from uuid import UUID

import msgspec
import structlog

from scheduler_sync.domain.desired import DesiredSchedule, desired_schedule
from scheduler_sync.domain.limits import MAX_INPUT_BYTES, encoded_size
from scheduler_sync.domain.live import status_of
from scheduler_sync.domain.plan import ActualSchedule, Create, Delete, Nothing, Step, Update, plan
from scheduler_sync.ports import (
    Announcements,
    BusAwayError,
    Configuration,
    LiveSchedules,
    ScheduleRefusedError,
    Schedules,
    TemporalAwayError,
)
from trigger_contracts.config import TriggerState, TriggerType, trigger_type_of
from trigger_contracts.schedule_requests import ScheduleDescribed
from trigger_contracts.schedules import ScheduleRemoved, ScheduleSynced, ScheduleSyncFailed, schedule_id
from trigger_cron import CronError

log = structlog.stdlib.get_logger(__name__)

_ANNOUNCED: Final = 5
"""Next fire times in a fact. Temporal's listing has five and a description ten: take what both have."""

_DESCRIBED: Final = 10
"""Times each way in a description: what Temporal gives, and what the contract allows."""

_REASON_LENGTH: Final = 2000


async def describe_schedule(trigger_id: UUID, *, schedules: LiveSchedules) -> ScheduleDescribed:
    """Return what Temporal has for a trigger at this moment; a paused schedule has no next fire.

    Raises ``TemporalAwayError``.
    """
    found = await schedules.live(schedule_id(trigger_id))
    described = ScheduleDescribed(
        trigger_id=trigger_id, schedule_id=schedule_id(trigger_id), status=status_of(found)
    )
    if found is None:
        return described
    return msgspec.structs.replace(
        described,
        next_fire_times=() if found.paused else found.next_fire_times[:_DESCRIBED],
        recent_fire_times=found.recent_fire_times[-_DESCRIBED:],
        running_workflow_ids=found.running_workflow_ids,
    )


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
        self._refused: dict[UUID, tuple[int, str]] = {}

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
        empty bus must not delete every schedule. A trigger that cannot be synced now keeps no other
        one waiting; the first ``TemporalAwayError`` or ``BusAwayError`` is raised at the end.
        """
        actual = {schedule.schedule_id: schedule async for schedule in self._schedules.all()}
        triggers = {schedule_id(state.id): state for state in self._configuration.schedule_triggers()}
        now = self._now()
        differing = {
            key for key, state in triggers.items() if _differs(state, actual=actual.get(key), now=now)
        }
        away: list[TemporalAwayError | BusAwayError] = []
        for key, state in triggers.items():
            try:
                if key in differing:
                    await self.sync(state.id)
                elif key in actual:
                    await self._announce_new_times(state, actual=actual[key])
            except (TemporalAwayError, BusAwayError) as error:
                log.warning("schedule not synced yet", trigger_id=str(state.id), reason=str(error))
                away.append(error)
            except Exception:
                log.exception("schedule cannot be synced", trigger_id=str(state.id))
        unreadable = {schedule_id(trigger_id) for trigger_id in self._configuration.unreadable_triggers()}
        unknown = actual.keys() - triggers.keys() - unreadable
        if unknown:
            log.warning("schedules without a trigger", count=len(unknown), some=sorted(unknown)[:5])
        if away:
            raise away[0]
        return Resynced(compared=len(triggers), drift=len(differing), unknown=len(unknown))

    async def _reconcile(self, trigger: TriggerState) -> None:
        try:
            desired = desired_schedule(trigger)
            _check_size(desired)
            actual = await self._schedules.describe(schedule_id(trigger.id))
            step = plan(desired, actual=actual, now=self._now())
            await self._apply(step)
        except (CronError, ScheduleRefusedError) as error:
            await self._announce_refusal(trigger, reason=str(error)[:_REASON_LENGTH])
            return
        self._refused.pop(trigger.id, None)
        if not isinstance(step, Nothing):
            log.info("schedule synced", step=type(step).__name__.lower(), trigger_id=str(trigger.id))
        await self._announce(trigger, desired=desired)

    async def _announce_refusal(self, trigger: TriggerState, *, reason: str) -> None:
        """Say it once: every comparison finds it again, and it is no news then."""
        if self._refused.get(trigger.id) == (trigger.version, reason):
            return
        log.error("schedule refused", trigger_id=str(trigger.id), reason=reason)
        await self._announcements.announce(
            ScheduleSyncFailed(
                trigger_id=trigger.id,
                trigger_version=trigger.version,
                schedule_id=schedule_id(trigger.id),
                at=self._now(),
                reason=reason,
            )
        )
        self._refused[trigger.id] = (trigger.version, reason)

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
        if after is not None:
            await self._announce_times(trigger, times=_times(after))
        elif desired.is_over(self._now()):
            await self._announce_times(trigger, times=())

    async def _announce_new_times(self, listed: TriggerState, *, actual: ActualSchedule) -> None:
        """Announce what a listing showed, if the trigger is still as it was when the listing began.

        A change may have been synced and announced meanwhile: an older fact must not follow it.
        """
        times = _times(actual)
        if self._announced.get(listed.id) == times:
            return
        async with self._one_at_a_time(listed.id):
            now = await self._configuration.latest(listed.id)
            if now is not None and now.version == listed.version and now.deleted_at is None:
                await self._announce_times(now, times=times)

    async def _announce_times(self, trigger: TriggerState, *, times: tuple[datetime, ...]) -> None:
        await self._announcements.announce(
            ScheduleSynced(
                trigger_id=trigger.id,
                trigger_version=trigger.version,
                schedule_id=schedule_id(trigger.id),
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


def _differs(state: TriggerState, *, actual: ActualSchedule | None, now: datetime) -> bool:
    try:
        return not isinstance(plan(desired_schedule(state), actual=actual, now=now), Nothing)
    except CronError:
        return True


def _check_size(desired: DesiredSchedule | None) -> None:
    if desired is not None and (size := encoded_size(desired.input)) > MAX_INPUT_BYTES:
        raise ScheduleRefusedError(f"the input of its runs is {size} bytes, over {MAX_INPUT_BYTES}")


def _times(actual: ActualSchedule) -> tuple[datetime, ...]:
    return () if actual.paused else actual.next_fire_times[:_ANNOUNCED]
