"""Temporal, the configuration and the facts of scheduler-sync, in memory: they stage races and outages."""

import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from scheduler_sync.domain.describe_rotation import DescribeRotation
from scheduler_sync.domain.desired import DesiredSchedule
from scheduler_sync.domain.next_times import next_times
from scheduler_sync.domain.plan import ActualSchedule, Step
from scheduler_sync.ports import Leadership, NewerFactError, ScheduleExistsError
from scheduler_sync.usecases.full_resync import FullResync, ResyncResult, SoleLeader
from scheduler_sync.usecases.reconciler import Reconciler
from scheduler_sync.usecases.schedule_calculator import ScheduleCalculator
from scheduler_sync.usecases.status_publisher import PublishedFacts, StatusPublisher
from trigger_contracts.config import ScheduleConfig, TriggerState
from trigger_contracts.schedules import AnyScheduleFact

AT = datetime(2026, 1, 1, tzinfo=UTC)

Event = Callable[[], Awaitable[None]]
"""What happens at a chosen moment, before the caller goes on."""


def trigger(**changes: Any) -> TriggerState:
    """Return a trigger of its own that fires daily at nine."""
    base: dict[str, Any] = {
        "id": uuid4(),
        "workspace": "acme",
        "workflow_id": uuid4(),
        "name": "Daily",
        "enabled": True,
        "config": ScheduleConfig(cron_expression="0 9 * * *"),
        "version": 1,
        "created_at": AT,
        "updated_at": AT,
    }
    return TriggerState(**{**base, **changes})


class Clock:
    """Stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = AT

    def __call__(self) -> datetime:
        return self.now


class TemporalDouble:
    """Implements ``ports.Schedules``."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.schedules: dict[str, ActualSchedule] = {}
        self.write_errors: dict[str, Exception] = {}
        self.describe_errors: dict[str, Exception] = {}
        self.edited: set[str] = set()
        """Schedules that were edited by hand where neither the note nor the times show it."""
        self.after_listing: Event | None = None
        self.before_next_update: Event | None = None

    async def describe(
        self, schedule_id: str, *, expected: DesiredSchedule | None = None
    ) -> ActualSchedule | None:
        if error := self.describe_errors.get(schedule_id):
            raise error
        actual = self.schedules.get(schedule_id)
        if actual is None or expected is None:
            return actual
        is_edited = expected.target.is_named_by(actual.note) and schedule_id in self.edited
        return dataclasses.replace(actual, edited_by_hand=is_edited)

    async def create(self, desired: DesiredSchedule) -> None:
        if error := self.write_errors.get(desired.schedule_id):
            raise error
        if desired.schedule_id in self.schedules:
            raise ScheduleExistsError("exists")
        await self.update(desired)

    async def update(self, desired: DesiredSchedule) -> None:
        event, self.before_next_update = self.before_next_update, None
        if event is not None:
            await event()
        if error := self.write_errors.get(desired.schedule_id):
            raise error
        self.edited.discard(desired.schedule_id)
        self.schedules[desired.schedule_id] = ActualSchedule(
            schedule_id=desired.schedule_id,
            note=desired.target.note,
            paused=desired.paused,
            next_fire_times=next_times(desired, now=self._clock.now, count=5) or (),
        )

    async def pause(self, schedule_id: str, *, note: str) -> None:
        self.change(schedule_id, note=note, paused=True)

    async def resume(self, schedule_id: str, *, note: str) -> None:
        self.change(schedule_id, note=note, paused=False)

    async def delete(self, schedule_id: str) -> bool:
        if error := self.write_errors.get(schedule_id):
            raise error
        return self.schedules.pop(schedule_id, None) is not None

    async def all(self) -> AsyncIterator[ActualSchedule]:
        for schedule in list(self.schedules.values()):
            yield schedule
        if self.after_listing is not None:
            await self.after_listing()

    def change(self, schedule_id: str, **changes: Any) -> None:
        """Change a schedule as another client of Temporal does it."""
        self.schedules[schedule_id] = dataclasses.replace(self.schedules[schedule_id], **changes)


class ConfigurationDouble:
    """Implements ``ports.Configuration``: the stream, and the follower that may be behind it."""

    def __init__(self, *states: TriggerState) -> None:
        self.states = {state.id: state for state in states}
        self.followed = dict(self.states)
        self.unreadable: list[UUID] = []
        self.after_next_read: Event | None = None

    def store(self, state: TriggerState) -> None:
        """Store a state that the follower has seen."""
        self.states[state.id] = self.followed[state.id] = state

    async def latest(self, trigger_id: UUID) -> TriggerState | None:
        state = self.states.get(trigger_id)
        event, self.after_next_read = self.after_next_read, None
        if event is not None:
            await event()
        return state

    def known(self, trigger_id: UUID) -> TriggerState | None:
        return self.followed.get(trigger_id)

    def schedule_triggers(self) -> Iterable[TriggerState]:
        return list(self.followed.values())

    def unreadable_triggers(self) -> list[UUID]:
        return self.unreadable


class FactsDouble:
    """Implements ``ports.FactStream``."""

    def __init__(self) -> None:
        self.facts: list[AnyScheduleFact] = []
        self.newer_version = 0
        """Of a fact that another replica has published."""
        self.before_refusal: Event | None = None

    async def publish(self, fact: AnyScheduleFact, *, over_version: int = 0) -> int:
        if self.newer_version > max(fact.trigger_version, over_version):
            if self.before_refusal is not None:
                await self.before_refusal()
            raise NewerFactError(self.newer_version)
        self.facts.append(fact)
        return len(self.facts)


class Replica:
    """One replica's use cases, with the doubles that they use."""

    def __init__(self, *states: TriggerState, rounds: int = 1) -> None:
        """``rounds``: by default each comparison describes every schedule."""
        self.clock = Clock()
        self.temporal = TemporalDouble(self.clock)
        self.configuration = ConfigurationDouble(*states)
        self.facts_stream = FactsDouble()
        self.published = PublishedFacts()
        self.steps: list[Step] = []
        calculator = ScheduleCalculator()
        self.reconciler = Reconciler(
            self.temporal,
            configuration=self.configuration,
            publisher=StatusPublisher(
                self.facts_stream,
                configuration=self.configuration,
                published=self.published,
                now=self.clock,
            ),
            calculator=calculator,
            now=self.clock,
            on_step=self.steps.append,
        )
        self.full_resync = FullResync(
            self.temporal,
            configuration=self.configuration,
            reconciler=self.reconciler,
            published=self.published,
            calculator=calculator,
            now=self.clock,
            rotation=DescribeRotation(seconds=60, rounds=rounds),
        )

    @property
    def facts(self) -> list[AnyScheduleFact]:
        """The facts that were published, in order."""
        return self.facts_stream.facts

    async def resync(self, leadership: Leadership | None = None) -> ResyncResult:
        """Compare everything."""
        return await self.full_resync.run(leadership=leadership or SoleLeader())
