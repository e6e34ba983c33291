"""Reconciling: look at what shall be and what is, do the difference, say what became of it."""

import contextlib
import dataclasses
from collections.abc import Callable
from datetime import datetime
from enum import Enum
from typing import Final, assert_never
from uuid import UUID

import structlog

from scheduler_sync.domain.desired import DesiredSchedule, UncompilableError
from scheduler_sync.domain.limits import MAX_INPUT_BYTES, encoded_size
from scheduler_sync.domain.next_times import agree
from scheduler_sync.domain.plan import (
    DISABLED_NOTE,
    ActualSchedule,
    Create,
    Delete,
    Pause,
    Resume,
    Step,
    Update,
    plan,
)
from scheduler_sync.ports import (
    Configuration,
    ScheduleExistsError,
    ScheduleRefusedError,
    Schedules,
)
from scheduler_sync.usecases.announcing import ANNOUNCED, Announcer, shown_times
from scheduler_sync.usecases.foretelling import Foreteller
from trigger_contracts.config import TriggerState, TriggerType, trigger_type_of
from trigger_contracts.schedules import (
    schedule_id,
)
from trigger_runtime.key_locks import KeyLocks

log = structlog.stdlib.get_logger(__name__)

_REASON_LENGTH: Final = 2000


class Presumed(Enum):
    """What whoever wakes us has seen. ``MISSING`` saves a look; it is no harm where it is wrong."""

    MISSING = "missing"
    UNKNOWN = "unknown"


class Reconciler:
    """One trigger at a time; work on one trigger is serialised."""

    def __init__(
        self,
        schedules: Schedules,
        *,
        configuration: Configuration,
        announcer: Announcer,
        foreteller: Foreteller,
        now: Callable[[], datetime],
        applied: Callable[[Step], None] = lambda _: None,
    ) -> None:
        self._schedules = schedules
        self._configuration = configuration
        self._announcer = announcer
        self._foreteller = foreteller
        self._now = now
        self._applied = applied
        # Temporal's updates carry no token that would catch a lost race.
        self._locks = KeyLocks()

    async def sync(
        self, trigger_id: UUID, *, seen: int | None = None, presumed: Presumed = Presumed.UNKNOWN
    ) -> None:
        """Make one trigger's schedule as it shall be now, whatever it was that woke us.

        ``seen`` is the version that whoever wakes us has seen: what is in memory is good enough to begin
        with, if it is not older than that. The bus is asked before anything is announced.

        Raises ``TemporalAwayError`` or ``BusAwayError``: try again.
        """
        async with self._locks.hold(trigger_id):
            trigger = self._configuration.known(trigger_id) if seen is not None else None
            if trigger is None or seen is None or trigger.version < seen:
                trigger = await self._configuration.latest(trigger_id)
            await self._settle(trigger, presumed=presumed)

    async def announce_listed(self, listed: TriggerState, *, actual: ActualSchedule) -> bool:
        """Announce what a listing showed, if the trigger is still as it was when the listing began.

        A change may have been synced and announced meanwhile: an older fact must not follow it. Times that
        are none of the trigger's are a reason to look at the schedule itself, and to put it right where
        somebody has changed it; returns whether that was so.
        """
        async with self._locks.hold(listed.id):
            now = await self._configuration.latest(listed.id)
            if now is None or now.version != listed.version or now.deleted_at is not None:
                return False
            desired = await self._foreteller.desired(now)
            if desired is not None and not await self._is_likely(actual, desired=desired):
                key = desired.schedule_id
                found = await self._schedules.describe(key, wanted=desired)
                there = {} if found is None else {key: found}
                if found is None or plan({key: desired.target}, actual=there, now=self._now()):
                    await self._settle(now, presumed=Presumed.UNKNOWN)
                    return True
                actual = found
            await self._announcer.times(now, times=shown_times(actual))
            return False

    async def _is_likely(self, actual: ActualSchedule, *, desired: DesiredSchedule) -> bool:
        """Tell whether these can be the schedule's times."""
        times, now = shown_times(actual), self._now()
        expected = await self._foreteller.next_times(desired, now=now, count=ANNOUNCED)
        if expected is not None:
            return agree(times, expected, now=now)
        # Only Temporal knows the times, but that there are some we know as well.
        return bool(times) or await self._foreteller.is_finished(desired, now=now)

    async def _settle(self, trigger: TriggerState | None, *, presumed: Presumed) -> None:
        while trigger is not None and trigger_type_of(trigger.config) is TriggerType.SCHEDULE:
            trigger = await self._reconcile(trigger, presumed=presumed)

    async def _reconcile(self, trigger: TriggerState, *, presumed: Presumed) -> TriggerState | None:
        """Do one trigger; return its newer state, where there is one by now.

        Another replica may have read that newer state, and written it, while we wrote an older one. Each
        writer looks again after its write, so whoever writes last finds the newer state.
        """
        step, desired, refusal, goes_on = None, None, None, None
        try:
            desired = await self._foreteller.desired(trigger)
            _check_size(desired)
            step = await self._do(trigger, desired=desired, presumed=presumed)
        except (UncompilableError, ScheduleRefusedError) as error:
            refusal = str(error)[:_REASON_LENGTH]
            step, goes_on = await self._stop_if_disabled(trigger)
        if step is not None:
            self._applied(step)
            log.info("schedule synced", step=type(step).__name__.lower(), trigger_id=str(trigger.id))
        latest = await self._configuration.latest(trigger.id)
        if latest is not None and latest.version > trigger.version:
            return latest
        if refusal is None:
            await self._announcer.state(trigger, desired=desired)
        else:
            await self._announcer.refusal(trigger, reason=refusal, goes_on=goes_on)
        return None

    async def _stop_if_disabled(self, trigger: TriggerState) -> tuple[Step | None, ActualSchedule | None]:
        """Pause what goes on of a trigger that is disabled, and cannot be said; return what goes on then.

        What was there before stays, but whoever disables a trigger wants that it does not fire, whatever
        else is wrong with it.
        """
        goes_on = await self._schedules.describe(schedule_id(trigger.id))
        if goes_on is None or goes_on.paused or trigger.enabled:
            return None, goes_on
        await self._schedules.pause(goes_on.schedule_id, note=DISABLED_NOTE)
        return Pause(goes_on.schedule_id), dataclasses.replace(goes_on, paused=True)

    async def _do(
        self, trigger: TriggerState, *, desired: DesiredSchedule | None, presumed: Presumed
    ) -> Step | None:
        """Apply the step that is needed, and return it."""
        key, now = schedule_id(trigger.id), self._now()
        if desired is None:
            # Without a look: that would fail where Temporal itself is at a loss with what is to go.
            return Delete(key) if await self._schedules.delete(key) else None
        wanted = {key: desired.target}
        # The first version of a trigger is hardly ever there already, and to create is found out to be wrong
        # by itself.
        if presumed is Presumed.MISSING or trigger.version == 1:
            with contextlib.suppress(ScheduleExistsError):
                if created := await self._needed(plan(wanted, actual={}, now=now), desired=desired):
                    return await self._apply(created, desired=desired)
        actual = await self._schedules.describe(key, wanted=desired)
        if actual is not None and actual.altered:
            log.warning("schedule was changed by hand", trigger_id=str(trigger.id))
        steps = plan(wanted, actual={} if actual is None else {key: actual}, now=now)
        return await self._apply(await self._needed(steps, desired=desired), desired=desired)

    async def _needed(self, steps: list[Step], *, desired: DesiredSchedule) -> list[Step]:
        """Return the steps without making again what has nothing left to fire."""
        if any(isinstance(step, Create) for step in steps) and await self._foreteller.is_finished(
            desired, now=self._now()
        ):
            return []
        return steps

    async def _apply(self, steps: list[Step], *, desired: DesiredSchedule) -> Step | None:
        for step in steps:
            await self._write(step, desired=desired)
            return step
        return None

    async def _write(self, step: Step, *, desired: DesiredSchedule) -> None:
        match step:
            case Delete():
                await self._schedules.delete(step.schedule_id)
            case Create():
                await self._schedules.create(desired)
            case Update():
                await self._schedules.update(desired)
            case Pause():
                await self._schedules.pause(step.schedule_id, note=desired.note)
            case Resume():
                await self._schedules.resume(step.schedule_id, note=desired.note)
            case _:
                assert_never(step)


def _check_size(desired: DesiredSchedule | None) -> None:
    if desired is not None and (size := encoded_size(desired.input)) > MAX_INPUT_BYTES:
        raise ScheduleRefusedError(f"the input of its runs is {size} bytes, over {MAX_INPUT_BYTES}")
