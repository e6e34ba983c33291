"""What the real servers cannot be made to show at a chosen moment: races, and one trigger that fails."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
from structlog.testing import capture_logs

from scheduler_sync.domain.desired import DesiredSchedule, desired_schedule
from scheduler_sync.domain.limits import MAX_INPUT_BYTES, encoded_size
from scheduler_sync.domain.next_times import next_times
from scheduler_sync.domain.plan import ActualSchedule, Create, Delete, Pause, Resume, Step, Update
from scheduler_sync.ports import (
    Leadership,
    NewerFactError,
    ScheduleExistsError,
    ScheduleRefusedError,
    TemporalAwayError,
)
from scheduler_sync.usecases.announcing import Announcer
from scheduler_sync.usecases.comparing import Always, Comparison, Resynced
from scheduler_sync.usecases.foretelling import Foreteller
from scheduler_sync.usecases.reconciling import Presumed, Reconciler
from scheduler_sync.usecases.said import Said
from scheduler_sync.usecases.turns import Turns
from trigger_contracts.config import DstPolicy, ScheduleConfig, TriggerState
from trigger_contracts.schedules import (
    AnyScheduleFact,
    ScheduleRemoved,
    ScheduleSynced,
    ScheduleSyncFailed,
    schedule_id,
)
from trigger_cron import Timetable, TimetableError, timetable_cache

AT = datetime(2026, 1, 1, tzinfo=UTC)


def trigger(**changes: Any) -> TriggerState:
    given: dict[str, Any] = {
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
    return TriggerState(**{**given, **changes})


class World:
    """Temporal, the configuration and the facts, in the order in which the test wants them."""

    def __init__(self, *states: TriggerState, rounds: int = 1) -> None:
        self.states = {state.id: state for state in states}
        self.followed = dict(self.states)
        self.schedules: dict[str, ActualSchedule] = {}
        self.unreadable: list[UUID] = []
        self.facts: list[AnyScheduleFact] = []
        self.errors: dict[str, Exception] = {}
        self.silent: dict[str, Exception] = {}
        # What somebody changed where neither the note nor the times show it.
        self.altered: set[str] = set()
        # By another replica.
        self.told_version = 0
        self.refused_to_tell: list[Any] = []
        # What happens once everything is listed, or once a trigger is read, before the reader goes on.
        self.listed: list[Any] = []
        self.read: list[Any] = []
        self.now = AT
        self.steps: list[Step] = []
        foreteller, self.said = Foreteller(), Said()
        announcer = Announcer(
            self,
            schedules=self,
            configuration=self,
            foreteller=foreteller,
            said=self.said,
            now=lambda: self.now,
        )
        self.reconciler = Reconciler(
            self,
            configuration=self,
            announcer=announcer,
            foreteller=foreteller,
            now=lambda: self.now,
            applied=self.steps.append,
        )
        self.comparison = Comparison(
            self,
            configuration=self,
            reconciler=self.reconciler,
            announcer=announcer,
            foreteller=foreteller,
            now=lambda: self.now,
            turns=Turns(seconds=60, rounds=rounds),
        )

    async def resync(self, leadership: Leadership | None = None) -> Resynced:
        return await self.comparison.resync(leadership=leadership or Always())

    async def describe(
        self, schedule_id: str, *, wanted: DesiredSchedule | None = None
    ) -> ActualSchedule | None:
        if error := self.silent.get(schedule_id):
            raise error
        found = self.schedules.get(schedule_id)
        if found is None or wanted is None:
            return found
        named = wanted.target.is_named_by(found.note)
        return dataclasses.replace(found, altered=named and schedule_id in self.altered)

    async def create(self, desired: DesiredSchedule) -> None:
        if error := self.errors.get(desired.schedule_id):
            raise error
        if desired.schedule_id in self.schedules:
            raise ScheduleExistsError("exists")
        await self.update(desired)

    async def update(self, desired: DesiredSchedule) -> None:
        if error := self.errors.get(desired.schedule_id):
            raise error
        self.altered.discard(desired.schedule_id)
        self.schedules[desired.schedule_id] = ActualSchedule(
            schedule_id=desired.schedule_id,
            note=desired.target.note,
            paused=desired.paused,
            next_fire_times=next_times(desired, now=self.now, count=5) or (),
        )

    async def pause(self, schedule_id: str, *, note: str) -> None:
        self.schedules[schedule_id] = dataclasses.replace(self.schedules[schedule_id], note=note, paused=True)

    async def resume(self, schedule_id: str, *, note: str) -> None:
        self.schedules[schedule_id] = dataclasses.replace(
            self.schedules[schedule_id], note=note, paused=False
        )

    async def delete(self, schedule_id: str) -> bool:
        if error := self.errors.get(schedule_id):
            raise error
        return self.schedules.pop(schedule_id, None) is not None

    async def all(self) -> AsyncIterator[ActualSchedule]:
        for schedule in list(self.schedules.values()):
            yield schedule
        for happen in self.listed:
            await happen()

    async def latest(self, trigger_id: UUID) -> TriggerState | None:
        found = self.states.get(trigger_id)
        for happen in self.read[:1]:
            self.read.clear()
            await happen()
        return found

    def known(self, trigger_id: UUID) -> TriggerState | None:
        return self.followed.get(trigger_id)

    def schedule_triggers(self) -> Iterable[TriggerState]:
        return list(self.followed.values())

    def unreadable_triggers(self) -> list[UUID]:
        return self.unreadable

    async def announce(self, fact: AnyScheduleFact, *, over_version: int = 0) -> int:
        if self.told_version > max(fact.trigger_version, over_version):
            for happen in self.refused_to_tell:
                await happen()
            raise NewerFactError(self.told_version)
        self.facts.append(fact)
        return len(self.facts)


async def test_a_trigger_that_temporal_never_answers_for_keeps_no_other_waiting() -> None:
    bad, broken, fine = trigger(), trigger(), trigger()
    world = World(bad, broken, fine)
    world.errors[schedule_id(bad.id)] = TemporalAwayError("RESOURCE_EXHAUSTED")
    world.errors[schedule_id(broken.id)] = KeyError("a defect")
    found = await world.resync()
    assert isinstance(found.away, TemporalAwayError)
    assert (found.drift, found.left) == (3, 2)
    assert world.schedules.keys() == {schedule_id(fine.id)}
    assert [type(fact) for fact in world.facts] == [ScheduleSynced]
    world.errors.clear()
    assert (await world.resync()).drift == 2
    assert world.schedules.keys() == {schedule_id(state.id) for state in (bad, broken, fine)}


async def test_an_older_fact_never_follows_a_newer_one() -> None:
    state = trigger()
    world = World(state)
    await world.reconciler.sync(state.id)
    gone = msgspec.structs.replace(state, version=2, deleted_at=AT)

    async def deleted_meanwhile() -> None:
        # The follower, from which the comparison takes its triggers, is behind the stream.
        world.states[state.id] = gone
        await world.reconciler.sync(state.id)

    world.listed.append(deleted_meanwhile)
    world.facts.clear()
    await world.resync()
    assert [(type(fact), fact.trigger_version) for fact in world.facts] == [(ScheduleRemoved, 2)]


async def test_a_change_waits_while_an_announcement_is_under_way() -> None:
    state = trigger()
    world = World(state)
    await world.reconciler.sync(state.id)
    key, before = schedule_id(state.id), world.schedules[schedule_id(state.id)]
    world.schedules[key] = ActualSchedule(
        schedule_id=key, note=before.note, paused=before.paused, next_fire_times=(AT + timedelta(days=2),)
    )
    changes: list[asyncio.Task[None]] = []

    async def deleted_now() -> None:
        world.states[state.id] = msgspec.structs.replace(state, version=2, deleted_at=AT)
        changes.append(asyncio.create_task(world.reconciler.sync(state.id)))
        await asyncio.wait(changes, timeout=0.1)

    world.read.append(deleted_now)
    await world.resync()
    await asyncio.gather(*changes)
    assert [fact.trigger_version for fact in world.facts] == [1, 1, 2]


async def test_new_times_are_announced_and_known_ones_are_not() -> None:
    state = trigger()
    world = World(state)
    await world.resync()
    await world.resync()
    assert [type(fact) for fact in world.facts] == [ScheduleSynced]
    key = schedule_id(state.id)
    world.now += timedelta(days=2)
    later = tuple(AT.replace(hour=9) + timedelta(days=day) for day in range(2, 7))
    world.schedules[key] = dataclasses.replace(world.schedules[key], next_fire_times=later)
    await world.resync()
    last = world.facts[-1]
    assert isinstance(last, ScheduleSynced)
    assert last.next_fire_times == later
    assert [type(step) for step in world.steps] == [Create]


@pytest.mark.parametrize("shown", [(AT + timedelta(hours=10),), ()])
async def test_times_that_are_none_of_the_triggers_are_looked_into(shown: tuple[datetime, ...]) -> None:
    """The note does not tell of a change that left it alone, and that nothing fires any more is one."""
    state = trigger()
    world = World(state, rounds=1_000_000)
    await world.resync()
    key = schedule_id(state.id)
    right = world.schedules[key]
    world.schedules[key] = dataclasses.replace(right, next_fire_times=shown)
    world.altered.add(key)
    found = await world.resync()
    assert (found.drift, found.left) == (1, 0)
    assert world.schedules[key] == right
    assert [type(step) for step in world.steps] == [Create, Update]
    last = world.facts[-1]
    assert isinstance(last, ScheduleSynced)
    assert last.next_fire_times == right.next_fire_times


async def test_temporal_is_right_about_the_times_of_what_nobody_has_changed() -> None:
    """About a change of the clock they depend on where its search began; and its zone data may be newer."""
    state = trigger()
    world = World(state, rounds=1_000_000)
    await world.resync()
    key = schedule_id(state.id)
    for hours in (10, 11):
        others = tuple(AT + timedelta(hours=hours, days=day) for day in range(5))
        world.schedules[key] = dataclasses.replace(world.schedules[key], next_fire_times=others)
        for _ in range(2):
            found = await world.resync()
            assert (found.drift, found.left) == (0, 0)
        last = world.facts[-1]
        assert isinstance(last, ScheduleSynced)
        assert last.next_fire_times == others
    assert [type(step) for step in world.steps] == [Create]
    assert len(world.facts) == 3, "each of them once"


async def test_what_has_a_jitter_and_shows_no_fire_is_looked_into() -> None:
    state = trigger(config=ScheduleConfig(cron_expression="0 9 * * *", jitter_seconds=60))
    world = World(state, rounds=1_000_000)
    await world.resync()
    key = schedule_id(state.id)
    world.schedules[key] = dataclasses.replace(world.schedules[key], next_fire_times=(AT,))
    await world.resync()
    world.schedules[key] = dataclasses.replace(world.schedules[key], next_fire_times=())
    world.altered.add(key)
    assert (await world.resync()).drift == 1
    assert not world.altered


async def test_what_is_put_back_is_looked_at_again_after_the_write() -> None:
    """Another replica may have paused it meanwhile."""
    state = trigger()
    world = World(state, rounds=1_000_000)
    await world.resync()
    key = schedule_id(state.id)
    world.schedules[key] = dataclasses.replace(world.schedules[key], next_fire_times=())
    world.altered.add(key)
    update = world.update

    async def paused_meanwhile(desired: DesiredSchedule) -> None:
        if desired.paused:
            await update(desired)
            return
        world.states[state.id] = msgspec.structs.replace(state, version=2, enabled=False)
        other = desired_schedule(world.states[state.id])
        assert other is not None
        await update(other)
        await update(desired)

    world.update = paused_meanwhile  # type: ignore[method-assign]
    await world.resync()
    assert world.schedules[key].paused
    assert world.facts[-1].trigger_version == 2


async def test_what_another_process_has_said_is_not_said_again() -> None:
    states = [trigger(), trigger(enabled=False), trigger(config=ScheduleConfig(cron_expression="@noon"))]
    before = World(*states)
    await before.resync()
    assert len(before.facts) == 3
    after = World(*states)
    after.schedules = before.schedules
    for sequence, fact in enumerate(before.facts, start=1):
        after.said.apply(fact, sequence=sequence)
    with capture_logs() as logs:
        assert (await after.resync()).left == 1
    assert not after.facts
    assert "schedule refused" not in [entry["event"] for entry in logs]
    # Of another version, or taken back, it is to be said.
    for state in states[:2]:
        after.said.forget(state.id, sequence=9)
    await after.resync()
    assert [type(fact) for fact in after.facts] == [ScheduleSynced] * 2


async def test_a_refused_change_tells_again_when_the_old_schedule_moves_on() -> None:
    state = trigger(config=ScheduleConfig(cron_expression="* * * * *"))
    world = World(state)
    await world.resync()
    key = schedule_id(state.id)
    broken = msgspec.structs.replace(state, version=2, config=ScheduleConfig(cron_expression="@noon"))
    world.states[state.id] = world.followed[state.id] = broken
    with capture_logs() as logs:
        for minute in range(3):
            times = tuple(AT + timedelta(minutes=minute + number) for number in range(1, 6))
            world.schedules[key] = dataclasses.replace(world.schedules[key], next_fire_times=times)
            for _ in range(2):
                await world.resync()
            last = world.facts[-1]
            assert isinstance(last, ScheduleSyncFailed)
            assert last.next_fire_times == times
    assert len(world.facts) == 4
    assert [entry["event"] for entry in logs].count("schedule refused") == 1


@pytest.mark.parametrize("enabled", [True, False])
async def test_what_has_nothing_left_to_fire_is_not_made_again(enabled: bool) -> None:
    config = ScheduleConfig(cron_expression="0 9 5 1 *", end_at=AT.replace(month=12))
    state = trigger(config=config, enabled=enabled)
    world = World(state)
    await world.resync()
    assert [type(step) for step in world.steps] == [Create]
    # Temporal drops it 7 days after its last fire, long before its end.
    world.now += timedelta(days=20)
    del world.schedules[schedule_id(state.id)]
    for _ in range(2):
        found = await world.resync()
        assert (found.drift, found.left) == (0, 0)
    await world.reconciler.sync(state.id)
    assert [type(step) for step in world.steps] == [Create]


async def test_a_refusal_is_news_once_for_each_version_and_reason() -> None:
    state = trigger()
    world = World(state)
    key = schedule_id(state.id)
    world.errors[key] = ScheduleRefusedError("no such time zone")
    with capture_logs() as logs:
        for _ in range(3):
            await world.resync()
    assert [fact.trigger_version for fact in world.facts] == [1]
    assert [entry["event"] for entry in logs].count("schedule refused") == 1
    world.errors[key] = ScheduleRefusedError("something else")
    await world.resync()
    newer = msgspec.structs.replace(state, version=2)
    world.states[state.id] = world.followed[state.id] = newer
    await world.resync()
    assert [fact.trigger_version for fact in world.facts] == [1, 1, 2]
    world.errors.clear()
    await world.resync()
    world.schedules.clear()
    world.errors[key] = ScheduleRefusedError("something else")
    await world.resync()
    assert [type(fact) for fact in world.facts[3:]] == [ScheduleSynced, ScheduleSyncFailed]


@pytest.mark.parametrize("over", [0, 1])
async def test_the_limit_of_an_input_is_exact(over: int) -> None:
    empty = trigger(config=ScheduleConfig(cron_expression="0 9 * * *", input=""))
    wanted = desired_schedule(empty)
    assert wanted is not None
    text = "x" * (MAX_INPUT_BYTES - encoded_size(wanted.input) + over)
    world = World(
        msgspec.structs.replace(empty, config=ScheduleConfig(cron_expression="0 9 * * *", input=text))
    )
    await world.resync()
    assert [type(fact) for fact in world.facts] == [ScheduleSyncFailed if over else ScheduleSynced]


async def test_a_trigger_that_cannot_be_read_is_left_and_not_called_unknown() -> None:
    state, other = trigger(), trigger()
    world = World(state, other)
    await world.resync()
    del world.followed[state.id]
    assert (await world.resync()).unknown == 1
    world.unreadable = [state.id]
    assert (await world.resync()).unknown == 0
    assert f"trigger-{state.id}" in world.schedules


async def test_what_fires_each_minute_always_has_a_known_fire_ahead() -> None:
    """Temporal lists five times. Compared each minute, the last of them is always far enough ahead."""
    state = trigger(config=ScheduleConfig(cron_expression="* * * * *"))
    world = World(state)
    await world.resync()
    key = schedule_id(state.id)
    for _ in range(30):
        minute = world.now.replace(second=0, microsecond=0)
        world.schedules[key] = dataclasses.replace(
            world.schedules[key],
            next_fire_times=tuple(minute + timedelta(minutes=1 + number) for number in range(5)),
        )
        await world.resync()
        said = world.facts[-1]
        assert isinstance(said, ScheduleSynced)
        # The comparison itself, and an interruption of it, take their time, too.
        world.now += timedelta(seconds=60 + 47)
        assert said.next_fire_times[-1] > world.now


async def test_a_trigger_whose_end_has_passed_needs_no_schedule_and_is_in_order() -> None:
    end = AT + timedelta(hours=1)
    state = trigger(config=ScheduleConfig(cron_expression="* * * * *", end_at=end))
    world = World(state)
    assert (await world.resync()).drift == 1
    world.now = end + timedelta(days=8)
    world.schedules.clear()  # as Temporal does 7 days after the last fire
    for _ in range(2):
        assert (await world.resync()).drift == 0
    assert not world.schedules
    assert [type(fact) for fact in world.facts] == [ScheduleSynced]

    # A message, here of a new name, has an answer all the same.
    world.states[state.id] = msgspec.structs.replace(state, name="Other", version=2)
    await world.reconciler.sync(state.id)
    last = world.facts[-1]
    assert isinstance(last, ScheduleSynced)
    assert (last.trigger_version, last.next_fire_times) == (2, ())
    assert not world.schedules


async def test_a_delete_that_fails_is_an_error_until_it_is_done() -> None:
    """An error that is swallowed here leaves a schedule that fires for ever."""
    state = trigger()
    world = World(state)
    await world.resync()
    gone = msgspec.structs.replace(state, version=2, deleted_at=AT)
    world.states[state.id] = world.followed[state.id] = gone
    world.errors[schedule_id(state.id)] = TemporalAwayError("PERMISSION_DENIED")
    with pytest.raises(TemporalAwayError):
        await world.reconciler.sync(state.id)
    found = await world.resync()
    assert (found.drift, found.left) == (1, 1)
    assert isinstance(found.away, TemporalAwayError)
    assert [type(fact) for fact in world.facts] == [ScheduleSynced]
    assert schedule_id(state.id) in world.schedules
    world.errors.clear()
    assert (await world.resync()).left == 0
    assert [type(fact) for fact in world.facts] == [ScheduleSynced, ScheduleRemoved]
    assert not world.schedules


async def test_whoever_is_not_the_leader_any_more_writes_nothing() -> None:
    states = [trigger() for _ in range(40)]
    world = World(*states)

    class Frozen:
        def held(self) -> bool:
            return len(world.schedules) < 3

    found = await world.resync(Frozen())
    assert len(world.schedules) < 3 + 32, "what was begun is finished"
    assert found.left == 40 - len(world.schedules)
    assert found.away is None
    assert (await world.resync()).left == 0


async def test_what_another_replica_wrote_meanwhile_is_looked_at_again() -> None:
    state = trigger()
    world = World(state)
    newer = msgspec.structs.replace(state, version=2, name="Newer")

    async def written_by_another() -> None:
        world.states[state.id] = newer
        desired = desired_schedule(newer)
        assert desired is not None
        await world.update(desired)

    # After the first version was read, and before it is written over the second one.
    world.read.append(written_by_another)
    await world.reconciler.sync(state.id)
    desired = desired_schedule(newer)
    assert desired is not None
    assert world.schedules[schedule_id(state.id)].note == desired.note
    assert [type(step) for step in world.steps] == [Update, Update]
    assert [fact.trigger_version for fact in world.facts] == [2]


async def test_a_deletion_that_another_replica_saw_first_is_not_undone() -> None:
    state = trigger()
    world = World(state)

    async def deleted() -> None:
        world.states[state.id] = msgspec.structs.replace(state, version=2, deleted_at=AT)

    world.read.append(deleted)
    await world.reconciler.sync(state.id)
    assert not world.schedules
    assert [type(step) for step in world.steps] == [Create, Delete]
    assert [type(fact) for fact in world.facts] == [ScheduleRemoved]


async def test_pausing_is_a_step_of_its_own() -> None:
    state = trigger()
    world = World(state)
    await world.resync()
    for version, enabled in ((2, False), (3, True)):
        world.states[state.id] = msgspec.structs.replace(state, version=version, enabled=enabled)
        await world.reconciler.sync(state.id)
        assert world.schedules[schedule_id(state.id)].paused is not enabled
    assert [type(step) for step in world.steps] == [Create, Pause, Resume]
    world.followed = dict(world.states)
    assert (await world.resync()).drift == 0


async def test_a_refusal_tells_the_times_that_go_on() -> None:
    state = trigger()
    world = World(state)
    await world.resync()
    synced = world.facts[-1]
    assert isinstance(synced, ScheduleSynced)
    broken = ScheduleConfig(cron_expression="0 9 * *")
    world.states[state.id] = msgspec.structs.replace(state, version=2, config=broken)
    await world.reconciler.sync(state.id)
    failed = world.facts[-1]
    assert isinstance(failed, ScheduleSyncFailed)
    assert failed.next_fire_times == synced.next_fire_times


async def test_a_survey_changes_nothing() -> None:
    state, refused = trigger(), trigger(config=ScheduleConfig(cron_expression="@noon"))
    world = World(state, refused)
    found = await world.comparison.survey()
    assert [type(step) for step in found.steps.values()] == [Create]
    assert list(found.refused) == [schedule_id(refused.id)]
    assert not world.schedules
    assert not world.facts


async def test_what_is_missing_in_a_listing_may_be_there_all_the_same() -> None:
    """The listing is eventually consistent, and the trigger may have changed since."""
    ended = ScheduleConfig(cron_expression="0 9 * * *", end_at=AT - timedelta(days=1))
    for newer in ({"config": ended}, {"deleted_at": AT}, {"name": "Other"}):
        state = trigger()
        world = World(state)
        await world.resync()
        world.states[state.id] = world.followed[state.id] = msgspec.structs.replace(state, version=2, **newer)
        await world.reconciler.sync(state.id, seen=1, presumed=Presumed.MISSING)
        assert [type(step) for step in world.steps[1:]] == [Delete if "deleted_at" in newer else Update]
        assert (await world.resync()).drift == 0


async def test_what_neither_note_nor_times_show_is_put_back_when_it_is_looked_at_closely() -> None:
    states = [trigger(id=UUID(int=number)) for number in range(40)]
    world = World(*states, rounds=4)
    await world.resync()
    world.steps.clear()
    world.altered = {schedule_id(state.id) for state in states}
    left = list[int]()
    for _ in range(4):
        world.now += timedelta(minutes=1)
        found = await world.resync()
        assert found.left == 0
        left.append(len(world.altered))
    assert left == [30, 20, 10, 0]
    assert [type(step) for step in world.steps] == [Update] * 40


async def test_what_was_altered_is_written_anew_and_not_only_paused() -> None:
    state = trigger()
    world = World(state, rounds=1_000_000)
    await world.resync()
    key = schedule_id(state.id)
    world.altered.add(key)
    world.states[state.id] = msgspec.structs.replace(state, version=2, enabled=False)
    with capture_logs() as logs:
        await world.reconciler.sync(state.id)
    assert [type(step) for step in world.steps] == [Create, Update]
    assert world.schedules[key].paused
    assert "schedule was changed by hand" in [entry["event"] for entry in logs]


@pytest.mark.parametrize("error", [TemporalAwayError("DEADLINE_EXCEEDED"), ValueError("a defect")])
async def test_a_schedule_that_is_never_described_keeps_no_other_waiting(error: Exception) -> None:
    silent, fine = trigger(), trigger()
    world = World(silent, fine)
    await world.resync()
    world.silent[schedule_id(silent.id)] = error
    world.altered = {schedule_id(silent.id), schedule_id(fine.id)}
    await world.resync()
    assert world.altered == {schedule_id(silent.id)}


@pytest.mark.parametrize(("expression", "kind"), [("@daily", ScheduleSynced), ("@noon", ScheduleSyncFailed)])
async def test_what_another_replica_told_of_a_newer_version_stands(expression: str, kind: type) -> None:
    state = trigger(config=ScheduleConfig(cron_expression=expression))
    world = World(state)
    world.told_version = 2

    async def changed_meanwhile() -> None:
        world.states[state.id] = msgspec.structs.replace(state, version=2)

    world.refused_to_tell.append(changed_meanwhile)
    await world.resync()
    assert not world.facts
    world.followed = dict(world.states)
    await world.resync()
    assert [(type(fact), fact.trigger_version) for fact in world.facts] == [(kind, 2)]


async def test_what_was_told_of_a_version_that_is_no_more_does_not_stand() -> None:
    """The configuration's database was restored, and the bus has what was said before."""
    state = trigger()
    world = World(state)
    world.told_version = 9
    await world.resync()
    assert [fact.trigger_version for fact in world.facts] == [1]
    await world.resync()
    assert len(world.facts) == 1


async def test_others_have_their_turn_while_a_timetable_is_worked_out() -> None:
    """This one takes about two seconds of the processor, and is refused in the end."""
    config = ScheduleConfig(
        cron_expression="* 0-22 * * *",
        additional_expressions=("* 0-21 * * *", "* 1-22 * * *"),
        timezone="Europe/Berlin",
        dst_policy=DstPolicy.SHIFT,
    )
    world = World(trigger(config=config))
    turns = 0

    async def take_turns() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0.001)
            turns += 1

    others = asyncio.create_task(take_turns())
    await world.resync()
    others.cancel()
    assert [type(fact) for fact in world.facts] == [ScheduleSyncFailed]
    assert turns > 20


async def test_a_refusal_is_worked_out_once(monkeypatch: pytest.MonkeyPatch) -> None:
    worked_out: list[str] = []

    def compiled(*_: Any, zone: str, **__: Any) -> Timetable:
        worked_out.append(zone)
        raise TimetableError("it cannot be said")

    monkeypatch.setattr(timetable_cache, "compile_timetable", compiled)
    config = ScheduleConfig(cron_expression="19 2 * * *", timezone="Europe/Berlin")
    for world in (World(trigger(config=config)), World(trigger(config=config))):
        await world.resync()
        await world.resync()
        (fact,) = world.facts
        assert isinstance(fact, ScheduleSyncFailed)
        assert fact.reason == "it cannot be said"
    assert worked_out == ["Europe/Berlin"]


@pytest.mark.parametrize("paused", [True, False])
async def test_what_is_disabled_and_refused_does_not_go_on(paused: bool) -> None:
    """Whoever disables a trigger wants that it does not fire, whatever else is wrong with it."""
    state = trigger(enabled=not paused)
    world = World(state)
    await world.resync()
    broken = ScheduleConfig(cron_expression="@noon")
    disabled = msgspec.structs.replace(state, version=2, enabled=False, config=broken)
    world.states[state.id] = world.followed[state.id] = disabled
    await world.reconciler.sync(state.id)
    key = schedule_id(state.id)
    assert world.schedules[key].paused
    assert [type(step) for step in world.steps] == [Create, *([] if paused else [Pause])]
    last = world.facts[-1]
    assert isinstance(last, ScheduleSyncFailed)
    assert last.next_fire_times == ()
    for _ in range(2):
        assert (await world.resync()).left == 1
    assert len(world.facts) == 2
    # What can be said again is written as a whole.
    mended = msgspec.structs.replace(state, version=3, enabled=True)
    world.states[state.id] = world.followed[state.id] = mended
    await world.reconciler.sync(state.id)
    assert not world.schedules[key].paused
    assert (await world.resync()).drift == 0


async def test_what_temporal_cannot_describe_is_deleted_all_the_same() -> None:
    state = trigger()
    world = World(state)
    await world.resync()
    world.silent[schedule_id(state.id)] = TemporalAwayError("Workflow Task in failed state")
    world.states[state.id] = msgspec.structs.replace(state, version=2, deleted_at=AT)
    await world.reconciler.sync(state.id)
    assert not world.schedules
    assert [type(fact) for fact in world.facts] == [ScheduleSynced, ScheduleRemoved]


def test_a_later_fact_is_not_forgotten_for_an_earlier_one() -> None:
    """What this replica says comes back by the stream, after what others have said since."""
    said, state = Said(), trigger()

    def fact(version: int) -> ScheduleSynced:
        return ScheduleSynced(
            trigger_id=state.id,
            trigger_version=version,
            schedule_id=schedule_id(state.id),
            at=AT,
            next_fire_times=(),
        )

    said.apply(fact(2), sequence=8)
    said.apply(fact(1), sequence=7)
    assert said.is_synced(state.id, version=2, times=())
    assert not said.forget(state.id, sequence=7)
    said.apply(fact(1), sequence=9)
    assert said.is_synced(state.id, version=1, times=())
    said.forget_all()
    assert not said.is_synced(state.id, version=1, times=())
