"""One trigger: compare what is desired with what Temporal has, write the difference, publish the status."""

import contextlib
import dataclasses
from collections.abc import Callable
from datetime import datetime
from enum import Enum
from typing import Final, assert_never
from uuid import UUID

import structlog

from scheduler_sync.domain.desired import DesiredSchedule, UncompilableError
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
    next_step,
)
from scheduler_sync.ports import (
    Configuration,
    ScheduleExistsError,
    ScheduleRefusedError,
    Schedules,
)
from scheduler_sync.usecases.schedule_calculator import ScheduleCalculator
from scheduler_sync.usecases.status_publisher import PUBLISHED_TIMES, StatusPublisher, published_times
from trigger_contracts.config import TriggerState, TriggerType, trigger_type_of
from trigger_contracts.schedules import schedule_id
from trigger_contracts.workflow_io import MAX_INPUT_BYTES, encoded_size
from trigger_runtime.concurrency import KeyLocks

log = structlog.stdlib.get_logger(__name__)

_REASON_LENGTH: Final = 2000


class ExistenceHint(Enum):
    """What the caller has seen of a schedule. ``MISSING`` saves a description, and does no harm if wrong."""

    MISSING = "missing"
    UNKNOWN = "unknown"


class Reconciler:
    """Work on one trigger is serialised."""

    def __init__(
        self,
        schedules: Schedules,
        *,
        configuration: Configuration,
        publisher: StatusPublisher,
        calculator: ScheduleCalculator,
        now: Callable[[], datetime],
        on_step: Callable[[Step], None] = lambda _: None,
    ) -> None:
        self._schedules = schedules
        self._configuration = configuration
        self._publisher = publisher
        self._calculator = calculator
        self._now = now
        self._on_step = on_step
        # Temporal's updates carry no token that would catch a lost race.
        self._locks = KeyLocks()
        self.times_differ: set[UUID] = set()
        """Schedules that are as desired, and whose times in Temporal are not those that are computed here.

        The time zone databases differ; or it is about a change of the clock, where times depend on where the
        search for them began.
        """

    async def reconcile(
        self, trigger_id: UUID, *, seen: int | None = None, hint: ExistenceHint = ExistenceHint.UNKNOWN
    ) -> None:
        """Make the schedule of one trigger equal to its configuration of now, whatever woke us.

        ``seen`` is the version that the caller has seen: a state in memory that is not older is good enough
        to begin with. The bus is asked before anything is published.

        Raises ``TemporalUnavailableError`` or ``BusUnavailableError``: try again.
        """
        async with self._locks.hold(trigger_id):
            trigger = self._configuration.known(trigger_id) if seen is not None else None
            if trigger is None or seen is None or trigger.version < seen:
                trigger = await self._configuration.latest(trigger_id)
            await self._reconcile_until_current(trigger, hint=hint)

    async def publish_listed(self, listed: TriggerState, *, actual: ActualSchedule) -> bool:
        """Publish what a listing shows, if the trigger is still as it was when the listing began.

        A change may have been synced and published meanwhile: no older fact may follow it. Times that do not
        fit the trigger are a reason to describe the schedule, and to write it again where it was edited by
        hand. Returns whether it was.
        """
        async with self._locks.hold(listed.id):
            latest = await self._configuration.latest(listed.id)
            if latest is None or latest.version != listed.version or latest.deleted_at is not None:
                return False
            desired = await self._calculator.desired(latest)
            if desired is not None and not await self._can_have_times_of(actual, desired=desired):
                described = await self._schedules.describe(desired.schedule_id, expected=desired)
                if described is None or self._next_step(desired, actual=described) is not None:
                    await self._reconcile_until_current(latest, hint=ExistenceHint.UNKNOWN)
                    return True
                actual = described
                await self.compare_times(actual, desired=desired)
            else:
                self.times_differ.discard(listed.id)
            await self._publisher.publish_synced(latest, times=published_times(actual))
            return False

    async def compare_times(self, actual: ActualSchedule, *, desired: DesiredSchedule) -> None:
        """Note whether a schedule that is as desired has other times in Temporal than are computed here."""
        if await self._can_have_times_of(actual, desired=desired):
            self.times_differ.discard(desired.trigger_id)
            return
        self.times_differ.add(desired.trigger_id)
        first = next(iter(published_times(actual)), None)
        log.warning(
            "schedule fires at other times than computed",
            trigger_id=str(desired.trigger_id),
            time_zone=desired.timezone,
            first=first and first.isoformat(),
        )

    async def _can_have_times_of(self, actual: ActualSchedule, *, desired: DesiredSchedule) -> bool:
        """Tell whether the listed times can be those of the desired schedule."""
        times, now = published_times(actual), self._now()
        expected = await self._calculator.next_times(desired, now=now, count=PUBLISHED_TIMES)
        if expected is not None:
            return agree(times, expected, now=now)
        # Only Temporal knows the times; whether there are any is known here as well.
        return bool(times) or await self._calculator.is_finished(desired, now=now)

    async def _reconcile_until_current(self, trigger: TriggerState | None, *, hint: ExistenceHint) -> None:
        while trigger is not None and trigger_type_of(trigger.config) is TriggerType.SCHEDULE:
            trigger = await self._reconcile_state(trigger, hint=hint)

    async def _reconcile_state(self, trigger: TriggerState, *, hint: ExistenceHint) -> TriggerState | None:
        """Reconcile one state of a trigger; return its newer state, where there is one by now.

        Another replica may have read that newer state, and written it, while we wrote an older one. Each
        writer reads again after its write, so the last writer finds the newer state.
        """
        step, desired, refusal, still_active = None, None, None, None
        self.times_differ.discard(trigger.id)
        try:
            desired = await self._calculator.desired(trigger)
            _check_size(desired)
            step = await self._apply_plan(trigger, desired=desired, hint=hint)
        except (UncompilableError, ScheduleRefusedError) as error:
            refusal = str(error)[:_REASON_LENGTH]
            step, still_active = await self._pause_if_disabled(trigger)
        if step is not None:
            self._on_step(step)
            log.info("schedule synced", step=type(step).__name__.lower(), trigger_id=str(trigger.id))
        latest = await self._configuration.latest(trigger.id)
        if latest is not None and latest.version > trigger.version:
            return latest
        if refusal is not None:
            await self._publisher.publish_refused(trigger, reason=refusal, still_active=still_active)
        elif desired is None:
            await self._publisher.publish_removed(trigger)
        else:
            await self._publisher.publish_synced(trigger, times=await self._next_times(desired))
        return None

    async def _next_times(self, desired: DesiredSchedule) -> tuple[datetime, ...]:
        times = await self._calculator.next_times(desired, now=self._now(), count=PUBLISHED_TIMES)
        if times is not None:
            return times
        # Only Temporal knows them.
        actual = await self._schedules.describe(desired.schedule_id)
        return () if actual is None else published_times(actual)

    async def _pause_if_disabled(self, trigger: TriggerState) -> tuple[Step | None, ActualSchedule | None]:
        """Pause what still fires of a trigger that is disabled and refused; return what is in Temporal then.

        What was there before a refusal stays. But a disabled trigger must not fire, whatever else is wrong
        with it.
        """
        actual = await self._schedules.describe(schedule_id(trigger.id))
        if actual is None or actual.paused or trigger.enabled:
            return None, actual
        await self._schedules.pause(actual.schedule_id, note=DISABLED_NOTE)
        return Pause(actual.schedule_id), dataclasses.replace(actual, paused=True)

    async def _apply_plan(
        self, trigger: TriggerState, *, desired: DesiredSchedule | None, hint: ExistenceHint
    ) -> Step | None:
        """Write the step that is needed, and return it."""
        if desired is None:
            # Without a description: that fails where Temporal cannot read what is to be deleted.
            key = schedule_id(trigger.id)
            return Delete(key) if await self._schedules.delete(key) else None
        # A trigger's first version is hardly ever there already, and Temporal refuses to create one twice.
        if hint is ExistenceHint.MISSING or trigger.version == 1:
            with contextlib.suppress(ScheduleExistsError):
                if (step := await self._needed_step(desired, actual=None)) is not None:
                    await self._write_step(step, desired=desired)
                    return step
        actual = await self._schedules.describe(desired.schedule_id, expected=desired)
        if actual is not None and actual.edited_by_hand:
            log.warning("schedule was changed by hand", trigger_id=str(trigger.id))
        step = await self._needed_step(desired, actual=actual)
        if step is not None:
            await self._write_step(step, desired=desired)
        return step

    async def _needed_step(self, desired: DesiredSchedule, *, actual: ActualSchedule | None) -> Step | None:
        """Return the next step; a schedule that has nothing left to fire is not created again."""
        step = self._next_step(desired, actual=actual)
        if isinstance(step, Create) and await self._calculator.is_finished(desired, now=self._now()):
            return None
        return step

    def _next_step(self, desired: DesiredSchedule, *, actual: ActualSchedule | None) -> Step | None:
        return next_step(desired.target, actual=actual, now=self._now())

    async def _write_step(self, step: Step, *, desired: DesiredSchedule) -> None:
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
