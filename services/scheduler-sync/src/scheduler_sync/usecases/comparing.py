"""Comparing everything: what differs is synced, what is equal costs nothing but the listing."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import structlog

from scheduler_sync.domain.desired import UncompilableError
from scheduler_sync.domain.plan import ActualSchedule, Create, Step, Target, plan
from scheduler_sync.ports import BusAwayError, Configuration, Leadership, Schedules, TemporalAwayError
from scheduler_sync.usecases.announcing import Announcer
from scheduler_sync.usecases.foretelling import Foreteller
from scheduler_sync.usecases.reconciling import Presumed, Reconciler
from scheduler_sync.usecases.targets import Targets
from scheduler_sync.usecases.turns import Turns
from trigger_contracts.config import TriggerState
from trigger_contracts.schedules import schedule_id

log = structlog.stdlib.get_logger(__name__)

_AT_ONCE: Final = 32
"""Triggers that are synced at a time. How many calls Temporal gets at a time, its adapter decides."""

_WITHOUT_A_BREAK: Final = 16
"""Triggers that are looked at in one go."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What shall be, what is, and the difference, by schedule id."""

    triggers: Mapping[str, TriggerState]
    actual: Mapping[str, ActualSchedule]
    steps: Mapping[str, Step]
    refused: Mapping[str, str]
    """Triggers that no schedule can be made of, and why."""
    unknown: frozenset[str]
    """Schedules whose trigger nobody knows. They are left alone: see ``Comparison.resync``."""
    unreadable: int
    """Triggers whose newest state cannot be read. Their schedules are left alone."""
    unseen: Mapping[str, str]
    """Schedules that should have been looked at closely, and why that could not be."""

    @property
    def differing(self) -> frozenset[str]:
        """The schedules that are not as they shall be."""
        return frozenset(self.steps.keys() | self.refused.keys())


@dataclass(frozen=True, slots=True, kw_only=True)
class Resynced:
    """What became of a comparison of everything."""

    compared: int
    drift: int
    """How many differed."""
    left: int
    """How many of those still do: refused, or not done."""
    unknown: int
    unreadable: int
    unseen: int
    away: Exception | None = None
    """The first outage that was met; what it kept from being done is to be tried again."""


class Always:
    """The leadership of whoever is alone."""

    def held(self) -> bool:
        """Return that it is held."""
        return True


class Comparison:
    """All triggers, and everything under our prefix in Temporal."""

    def __init__(
        self,
        schedules: Schedules,
        *,
        configuration: Configuration,
        reconciler: Reconciler,
        announcer: Announcer,
        foreteller: Foreteller,
        now: Callable[[], datetime],
        turns: Turns | None = None,
    ) -> None:
        """``turns`` says which schedules are looked at closely this time: by default all of them."""
        self._schedules = schedules
        self._configuration = configuration
        self._reconciler = reconciler
        self._announcer = announcer
        self._foreteller = foreteller
        self._now = now
        self._turns = turns or Turns(seconds=1, rounds=1)
        self._targets = Targets(foreteller)

    async def survey(self) -> Survey:
        """Look at everything, at some of it closely, and change nothing. Raises ``TemporalAwayError``.

        The listing shows the note, whether it is paused and when it fires, which is what most changes show
        in. What it does not show (the overlap policy, the input) is in a description, one call for each
        schedule; so each survey asks for those whose turn it is.
        """
        actual = {schedule.schedule_id: schedule async for schedule in self._schedules.all()}
        triggers = {schedule_id(state.id): state for state in self._configuration.schedule_triggers()}
        desired: dict[str, Target | None] = {}
        refused: dict[str, str] = {}
        for number, (key, state) in enumerate(triggers.items(), start=1):
            target = await self.target_of(state)
            if number % _WITHOUT_A_BREAK == 0:
                # At start each may have to be compiled. Others have their turn: the lease, and whoever asks.
                await asyncio.sleep(0)
            if isinstance(target, UncompilableError):
                refused[key] = str(target)
            else:
                desired[key] = target
        due = self._turns.due(self._now())
        closely = [
            key
            for key, target in desired.items()
            if target is not None and key in actual and due(triggers[key].id)
        ]
        unseen = await self._look_closely(closely, actual=actual, triggers=triggers)
        steps = [
            step
            for step in plan(desired, actual=actual, now=self._now())
            if not (isinstance(step, Create) and await self._is_finished(triggers[step.schedule_id]))
        ]
        unreadable = {schedule_id(trigger_id) for trigger_id in self._configuration.unreadable_triggers()}
        return Survey(
            triggers=triggers,
            actual=actual,
            steps={step.schedule_id: step for step in steps},
            refused=refused,
            unknown=frozenset(actual.keys() - triggers.keys() - unreadable),
            unreadable=len(unreadable),
            unseen=unseen,
        )

    async def _look_closely(
        self,
        keys: Iterable[str],
        *,
        actual: dict[str, ActualSchedule],
        triggers: Mapping[str, TriggerState],
    ) -> Mapping[str, str]:
        """Describe schedules, into ``actual``; return those of which that could not be done, and why.

        One that never answers, or that somebody has made into what cannot be read, keeps no other one from
        being compared.
        """
        unseen: dict[str, str] = {}

        async def look(key: str) -> None:
            try:
                wanted = await self._foreteller.desired(triggers[key])
                found = await self._schedules.describe(key, wanted=wanted)
            except TemporalAwayError as error:
                log.warning("schedule not looked at closely", schedule_id=key, reason=str(error))
                unseen[key] = str(error)
            except Exception as error:
                log.exception("schedule cannot be looked at closely", schedule_id=key)
                unseen[key] = type(error).__name__
            else:
                if found is not None:
                    actual[key] = found

        await _each(keys, do=look)
        self._turns.missed(triggers[key].id for key in unseen)
        return unseen

    async def _is_finished(self, trigger: TriggerState) -> bool:
        desired = await self._foreteller.desired(trigger)
        return desired is not None and await self._foreteller.is_finished(desired, now=self._now())

    async def target_of(self, trigger: TriggerState) -> Target | UncompilableError | None:
        """Return what one trigger's schedule shall be; kept in memory from then on."""
        return await self._targets.of(trigger)

    async def resync(self, *, leadership: Leadership) -> Resynced:
        """Compare everything, and sync what differs.

        A schedule without a trigger is deleted only where its trigger is known to be deleted: an empty bus
        must not delete every schedule. A trigger that cannot be synced now keeps no other one waiting.
        A replica that is not the leader any more, because it slept for a while, leaves the rest to its
        successor. Raises ``TemporalAwayError`` where nothing could be compared.
        """
        found = await self.survey()
        if found.unknown:
            log.warning(
                "schedules without a trigger", count=len(found.unknown), some=sorted(found.unknown)[:5]
            )
        undone: set[str] = set(found.differing)
        away: list[Exception] = []
        altered: list[str] = []

        async def one(key: str) -> None:
            state = found.triggers[key]
            if not leadership.held():
                return
            try:
                if await self._bring(state, key=key, found=found):
                    altered.append(key)
            except (TemporalAwayError, BusAwayError) as error:
                log.warning("schedule not synced yet", trigger_id=str(state.id), reason=str(error))
                away.append(error)
            except Exception:
                # One schedule must not keep all others from being compared; where it differs it is left.
                log.exception("schedule cannot be synced", trigger_id=str(state.id))
            else:
                if not self._announcer.is_refused(state.id):
                    undone.discard(key)

        await _each(self._to_do(found), do=one)
        return Resynced(
            compared=len(found.triggers),
            drift=len(found.differing) + len(altered),
            left=len(undone),
            unknown=len(found.unknown),
            unreadable=found.unreadable,
            unseen=len(found.unseen),
            away=away[0] if away else None,
        )

    def _to_do(self, found: Survey) -> list[str]:
        """Return what differs, and what has other fire times than were announced."""
        differing = found.differing
        return [
            key
            for key, state in found.triggers.items()
            if key in differing
            or ((actual := found.actual.get(key)) is not None and not self._knows(state, actual=actual))
        ]

    def _knows(self, trigger: TriggerState, *, actual: ActualSchedule) -> bool:
        return self._announcer.knows(trigger, actual=actual)

    async def _bring(self, state: TriggerState, *, key: str, found: Survey) -> bool:
        """Sync what differs, or announce what is listed; return whether more differed than the plan says."""
        if key in found.differing:
            missing = isinstance(found.steps.get(key), Create)
            presumed = Presumed.MISSING if missing else Presumed.UNKNOWN
            await self._reconciler.sync(state.id, seen=state.version, presumed=presumed)
            return False
        return await self._reconciler.announce_listed(state, actual=found.actual[key])


async def _each(keys: Iterable[str], *, do: Callable[[str], Awaitable[None]]) -> None:
    left = iter(keys)

    async def some() -> None:
        for key in left:
            await do(key)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(_AT_ONCE):
            tasks.create_task(some())
