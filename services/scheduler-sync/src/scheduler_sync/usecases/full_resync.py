"""Comparing all schedules: what differs is reconciled, what is equal costs only its place in the listing."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final, TypeVar
from uuid import UUID

import msgspec
import structlog

from scheduler_sync.domain.describe_rotation import DescribeRotation
from scheduler_sync.domain.desired import UncompilableError
from scheduler_sync.domain.dropped_fires import DroppedFiresBySchedule
from scheduler_sync.domain.plan import ActualSchedule, Create, Step, Target, plan
from scheduler_sync.ports import Configuration, Leadership, Schedules, TemporalUnavailableError
from scheduler_sync.usecases.reconciler import ExistenceHint, Reconciler
from scheduler_sync.usecases.schedule_calculator import ScheduleCalculator
from scheduler_sync.usecases.status_publisher import PublishedFacts, published_times
from trigger_contracts.config import TriggerState
from trigger_contracts.schedule_requests import DroppedFires
from trigger_contracts.schedules import schedule_id
from trigger_runtime.bus.connection import BusUnavailableError

log = structlog.stdlib.get_logger(__name__)

R = TypeVar("R")

_CONCURRENCY: Final = 32
"""Triggers that are synced at a time. How many calls Temporal gets at a time, its adapter decides."""

_YIELD_EVERY: Final = 16
"""Triggers that are compiled before the event loop serves others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """What is desired, what Temporal has, and the difference, by schedule id."""

    triggers: Mapping[str, TriggerState]
    actual: Mapping[str, ActualSchedule]
    steps: Mapping[str, Step]
    refused: Mapping[str, str]
    """Triggers that cannot be compiled to a schedule, and why."""
    unknown: frozenset[str]
    """Schedules without a trigger. They are left alone: see ``FullResync.run``."""
    unreadable: int
    """Triggers whose newest state cannot be read. Their schedules are left alone."""
    not_described: Mapping[str, str]
    """Schedules that were due to be described, and why that failed."""

    @property
    def differing(self) -> frozenset[str]:
        """The schedules that differ from the configuration."""
        return frozenset(self.steps.keys() | self.refused.keys())


@dataclass(frozen=True, slots=True, kw_only=True)
class ResyncResult:
    """Counts of one comparison."""

    compared: int
    drift: int
    """How many differed."""
    left: int
    """How many of those still differ: refused, or not written."""
    unknown: int
    unreadable: int
    not_described: int
    times_differ: int
    """How many fire at other times than ours, though they are as desired: see ``Reconciler``."""
    dropped_fires: DroppedFires
    outage: Exception | None = None
    """The first outage; what it prevented is to be tried again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    """Of one trigger."""

    is_equal: bool = False
    was_edited: bool = False
    """It differed, which only its description showed."""
    outage: Exception | None = None


class SoleLeader:
    """The leadership of a process that has no rival."""

    def is_leader(self) -> bool:
        """Return that it leads."""
        return True


class TargetCache:
    """What a comparison needs of each trigger, computed once for each version.

    To compile and hash all triggers each time would cost more than Temporal's listing.
    """

    def __init__(self, calculator: ScheduleCalculator) -> None:
        self._calculator = calculator
        self._targets: dict[UUID, tuple[int, Target | UncompilableError]] = {}

    async def target_of(self, trigger: TriggerState) -> Target | UncompilableError | None:
        """Return a trigger's target, or why it has none; ``None`` where it must not have a schedule."""
        cached = self._targets.get(trigger.id)
        if cached is not None and cached[0] == trigger.version:
            return cached[1]
        target: Target | UncompilableError
        try:
            desired = await self._calculator.desired(trigger)
        except UncompilableError as error:
            # The text alone: a traceback would keep its frames alive.
            target = UncompilableError(str(error))
        else:
            if desired is None:
                self._targets.pop(trigger.id, None)
                return None
            target = desired.target
        self._targets[trigger.id] = (trigger.version, target)
        return target


class FullResync:
    """Compares all triggers with all schedules under our prefix in Temporal."""

    def __init__(
        self,
        schedules: Schedules,
        *,
        configuration: Configuration,
        reconciler: Reconciler,
        published: PublishedFacts,
        calculator: ScheduleCalculator,
        now: Callable[[], datetime],
        rotation: DescribeRotation,
    ) -> None:
        self._schedules = schedules
        self._configuration = configuration
        self._reconciler = reconciler
        self._published = published
        self._calculator = calculator
        self._now = now
        self._rotation = rotation
        self.targets = TargetCache(calculator)
        self._dropped = DroppedFiresBySchedule()

    async def find_drift(self) -> Drift:
        """Compare everything, and change nothing. Raises ``TemporalUnavailableError``.

        The listing shows the note, whether a schedule is paused and when it fires: most changes show there.
        What it does not show (the overlap policy, the input) is in a description, one call for each schedule;
        so each comparison describes those whose turn it is.
        """
        actual = {schedule.schedule_id: schedule async for schedule in self._schedules.all()}
        triggers = {schedule_id(state.id): state for state in self._configuration.schedule_triggers()}
        desired: dict[str, Target | None] = {}
        refused: dict[str, str] = {}
        for number, (key, trigger) in enumerate(triggers.items(), start=1):
            target = await self.targets.target_of(trigger)
            if number % _YIELD_EVERY == 0:
                # At start each may have to be compiled; the lease and the requests are served meanwhile.
                await asyncio.sleep(0)
            if isinstance(target, UncompilableError):
                refused[key] = str(target)
            else:
                desired[key] = target
        is_due = self._rotation.due(self._now())
        described = await _for_each(
            [
                key
                for key, target in desired.items()
                if target is not None and key in actual and is_due(triggers[key].id)
            ],
            do=lambda key: self._describe(triggers[key], key=key),
        )
        actual |= {
            key: schedule for key, schedule in described.items() if isinstance(schedule, ActualSchedule)
        }
        self._dropped.keep_only(actual.keys())
        not_described = {key: reason for key, reason in described.items() if isinstance(reason, str)}
        self._rotation.retry(triggers[key].id for key in not_described)
        steps = [
            step
            for step in plan(desired, actual=actual, now=self._now())
            if not (isinstance(step, Create) and await self._is_finished(triggers[step.schedule_id]))
        ]
        unreadable = {schedule_id(trigger_id) for trigger_id in self._configuration.unreadable_triggers()}
        return Drift(
            triggers=triggers,
            actual=actual,
            steps={step.schedule_id: step for step in steps},
            refused=refused,
            unknown=frozenset(actual.keys() - triggers.keys() - unreadable),
            unreadable=len(unreadable),
            not_described=not_described,
        )

    async def _describe(self, trigger: TriggerState, *, key: str) -> ActualSchedule | str | None:
        """Return a schedule's description, or why there is none.

        A schedule that Temporal never describes, or that cannot be read, must not stop the comparison.
        """
        try:
            desired = await self._calculator.desired(trigger)
            actual = await self._schedules.describe(key, expected=desired)
            if actual is not None and desired is not None and desired.target.is_named_by(actual.note):
                await self._reconciler.compare_times(actual, desired=desired)
        except TemporalUnavailableError as error:
            log.warning("schedule not described", schedule_id=key, reason=str(error))
            return str(error)
        except Exception as error:
            log.exception("schedule cannot be described", schedule_id=key)
            return type(error).__name__
        dropped = None if actual is None else actual.dropped_fires
        if dropped is not None and self._dropped.note(key, dropped):
            log.info("fires dropped", trigger_id=str(trigger.id), **msgspec.structs.asdict(dropped))
        return actual

    async def _is_finished(self, trigger: TriggerState) -> bool:
        desired = await self._calculator.desired(trigger)
        return desired is not None and await self._calculator.is_finished(desired, now=self._now())

    async def run(self, *, leadership: Leadership) -> ResyncResult:
        """Compare everything, and reconcile what differs.

        A schedule without a trigger is deleted only where its trigger is known to be deleted: an empty bus
        must not delete every schedule. A trigger that cannot be synced now keeps no other waiting. A replica
        that lost the leadership, because it slept for a while, leaves the rest to its successor. Raises
        ``TemporalUnavailableError`` where nothing could be compared.
        """
        drift = await self.find_drift()
        if drift.unknown:
            log.warning(
                "schedules without a trigger", count=len(drift.unknown), some=sorted(drift.unknown)[:5]
            )
        outcomes = await _for_each(
            [key for key in drift.triggers if key in drift.differing or self._is_news(key, drift=drift)],
            do=partial(self._resync_one, drift=drift, leadership=leadership),
        )
        equal = {key for key, outcome in outcomes.items() if outcome.is_equal}
        return ResyncResult(
            compared=len(drift.triggers),
            drift=len(drift.differing) + sum(outcome.was_edited for outcome in outcomes.values()),
            left=len(drift.differing - equal),
            unknown=len(drift.unknown),
            unreadable=drift.unreadable,
            not_described=len(drift.not_described),
            times_differ=len(self._reconciler.times_differ),
            dropped_fires=self._dropped.total(),
            outage=next((outcome.outage for outcome in outcomes.values() if outcome.outage), None),
        )

    def _is_news(self, key: str, *, drift: Drift) -> bool:
        """Tell whether a listed schedule has other fire times than are published."""
        trigger, actual = drift.triggers[key], drift.actual.get(key)
        return actual is not None and not self._published.is_synced(
            trigger.id, version=trigger.version, times=published_times(actual)
        )

    async def _resync_one(self, key: str, *, drift: Drift, leadership: Leadership) -> _Outcome:
        trigger = drift.triggers[key]
        if not leadership.is_leader():
            return _Outcome()
        was_edited = False
        try:
            if key in drift.differing:
                is_missing = isinstance(drift.steps.get(key), Create)
                hint = ExistenceHint.MISSING if is_missing else ExistenceHint.UNKNOWN
                await self._reconciler.reconcile(trigger.id, seen=trigger.version, hint=hint)
            else:
                was_edited = await self._reconciler.publish_listed(trigger, actual=drift.actual[key])
        except (TemporalUnavailableError, BusUnavailableError) as error:
            log.warning("schedule not synced yet", trigger_id=str(trigger.id), reason=str(error))
            return _Outcome(outage=error)
        except Exception:
            # One schedule must not stop the comparison of all others; this one still differs.
            log.exception("schedule cannot be synced", trigger_id=str(trigger.id))
            return _Outcome()
        return _Outcome(is_equal=not self._published.is_refused(trigger.id), was_edited=was_edited)


async def _for_each(keys: Iterable[str], *, do: Callable[[str], Awaitable[R]]) -> dict[str, R]:
    """Return what ``do`` returns for each key; ``_CONCURRENCY`` of them run at a time."""
    results: dict[str, R] = {}
    remaining = iter(keys)

    async def work() -> None:
        for key in remaining:
            results[key] = await do(key)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(_CONCURRENCY):
            tasks.create_task(work())
    return results
