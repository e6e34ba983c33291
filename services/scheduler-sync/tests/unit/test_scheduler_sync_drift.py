"""What differs from the configuration is found and undone, whichever trigger fails meanwhile."""

import asyncio
import dataclasses
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
import pytest
from schedule_doubles import AT, Replica, trigger
from structlog.testing import capture_logs

from scheduler_sync.domain.plan import Create, Delete, Pause, Resume, Update
from scheduler_sync.ports import TemporalUnavailableError
from scheduler_sync.usecases.reconciler import ExistenceHint
from trigger_contracts.config import DstPolicy, ScheduleConfig
from trigger_contracts.schedule_requests import DroppedFires
from trigger_contracts.schedules import ScheduleRemoved, ScheduleSynced, ScheduleSyncFailed, schedule_id


async def test_a_trigger_whose_writes_fail_keeps_no_other_waiting() -> None:
    bad, broken, fine = trigger(), trigger(), trigger()
    replica = Replica(bad, broken, fine)
    replica.temporal.write_errors[schedule_id(bad.id)] = TemporalUnavailableError("RESOURCE_EXHAUSTED")
    replica.temporal.write_errors[schedule_id(broken.id)] = KeyError("a defect")
    result = await replica.resync()
    assert isinstance(result.outage, TemporalUnavailableError)
    assert (result.drift, result.left) == (3, 2)
    assert replica.temporal.schedules.keys() == {schedule_id(fine.id)}
    assert [type(fact) for fact in replica.facts] == [ScheduleSynced]
    replica.temporal.write_errors.clear()
    assert (await replica.resync()).drift == 2
    assert replica.temporal.schedules.keys() == {schedule_id(state.id) for state in (bad, broken, fine)}


async def test_new_times_are_published_and_known_ones_are_not() -> None:
    state = trigger()
    replica = Replica(state)
    await replica.resync()
    await replica.resync()
    assert [type(fact) for fact in replica.facts] == [ScheduleSynced]
    key = schedule_id(state.id)
    replica.clock.now += timedelta(days=2)
    later = tuple(AT.replace(hour=9) + timedelta(days=day) for day in range(2, 7))
    replica.temporal.change(key, next_fire_times=later)
    await replica.resync()
    last = replica.facts[-1]
    assert isinstance(last, ScheduleSynced)
    assert last.next_fire_times == later
    assert [type(step) for step in replica.steps] == [Create]


@pytest.mark.parametrize("shown", [(AT + timedelta(hours=10),), ()])
async def test_times_that_do_not_fit_the_trigger_are_looked_into(shown: tuple[datetime, ...]) -> None:
    """The note does not tell of a change that left it alone, and that nothing fires any more is one."""
    state = trigger()
    replica = Replica(state, rounds=1_000_000)
    await replica.resync()
    key = schedule_id(state.id)
    right = replica.temporal.schedules[key]
    replica.temporal.schedules[key] = dataclasses.replace(right, next_fire_times=shown)
    replica.temporal.edited.add(key)
    result = await replica.resync()
    assert (result.drift, result.left) == (1, 0)
    assert replica.temporal.schedules[key] == right
    assert [type(step) for step in replica.steps] == [Create, Update]
    last = replica.facts[-1]
    assert isinstance(last, ScheduleSynced)
    assert last.next_fire_times == right.next_fire_times


async def test_temporal_is_right_about_the_times_of_a_schedule_that_was_not_edited() -> None:
    """About a change of the clock they depend on where its search began; and its zone data may be newer."""
    state = trigger()
    replica = Replica(state, rounds=1_000_000)
    await replica.resync()
    key = schedule_id(state.id)
    for hours in (10, 11):
        others = tuple(AT + timedelta(hours=hours, days=day) for day in range(5))
        replica.temporal.change(key, next_fire_times=others)
        for _ in range(2):
            result = await replica.resync()
            assert (result.drift, result.left) == (0, 0)
            assert result.times_differ == 1
        last = replica.facts[-1]
        assert isinstance(last, ScheduleSynced)
        assert last.next_fire_times == others
    assert [type(step) for step in replica.steps] == [Create]
    assert len(replica.facts) == 3, "each of them once"
    right = tuple(AT + timedelta(hours=9, days=day) for day in range(5))
    replica.temporal.change(key, next_fire_times=right)
    assert (await replica.resync()).times_differ == 0


async def test_other_times_are_found_also_where_another_replica_published_them() -> None:
    state, fine, changed = trigger(), trigger(), trigger()
    replica = Replica(state, fine, changed)
    await replica.resync()
    others = tuple(AT + timedelta(hours=10, days=day) for day in range(5))
    for one in (state, changed):
        replica.temporal.change(schedule_id(one.id), next_fire_times=others)
    assert (await replica.resync()).times_differ == 2
    # Nothing is news any more, and it still differs.
    assert (await replica.resync()).times_differ == 2
    replica.configuration.store(msgspec.structs.replace(changed, version=2, enabled=False))
    assert (await replica.resync()).times_differ == 1


async def test_fires_that_temporal_dropped_are_counted_while_the_schedule_exists() -> None:
    late, busy = trigger(), trigger()
    replica = Replica(late, busy, trigger())
    assert (await replica.resync()).dropped_fires == DroppedFires()
    dropped = DroppedFires(missed_catchup_window=4)
    replica.temporal.change(schedule_id(late.id), dropped_fires=dropped)
    for count in (1, 3):
        grown = DroppedFires(skipped_overlap=count, buffer_full=1)
        replica.temporal.change(schedule_id(busy.id), dropped_fires=grown)
        with capture_logs() as logs:
            result = await replica.resync()
        assert result.dropped_fires == DroppedFires(
            missed_catchup_window=4, skipped_overlap=count, buffer_full=1
        )
        assert {line["trigger_id"] for line in logs if line["event"] == "fires dropped"} == (
            {str(late.id), str(busy.id)} if count == 1 else {str(busy.id)}
        )
    replica.configuration.store(msgspec.structs.replace(busy, version=2, deleted_at=AT))
    await replica.resync()
    assert (await replica.resync()).dropped_fires == dropped


async def test_a_schedule_with_jitter_and_without_fires_is_looked_into() -> None:
    state = trigger(config=ScheduleConfig(cron_expression="0 9 * * *", jitter_seconds=60))
    replica = Replica(state, rounds=1_000_000)
    await replica.resync()
    key = schedule_id(state.id)
    replica.temporal.change(key, next_fire_times=(AT,))
    await replica.resync()
    replica.temporal.change(key, next_fire_times=())
    replica.temporal.edited.add(key)
    assert (await replica.resync()).drift == 1
    assert not replica.temporal.edited


@pytest.mark.parametrize("enabled", [True, False])
async def test_a_schedule_that_has_nothing_left_to_fire_is_not_created_again(enabled: bool) -> None:
    config = ScheduleConfig(cron_expression="0 9 5 1 *", end_at=AT.replace(month=12))
    state = trigger(config=config, enabled=enabled)
    replica = Replica(state)
    await replica.resync()
    assert [type(step) for step in replica.steps] == [Create]
    # Temporal drops it 7 days after its last fire, long before its end.
    replica.clock.now += timedelta(days=20)
    del replica.temporal.schedules[schedule_id(state.id)]
    for _ in range(2):
        result = await replica.resync()
        assert (result.drift, result.left) == (0, 0)
    await replica.reconciler.reconcile(state.id)
    assert [type(step) for step in replica.steps] == [Create]


async def test_a_trigger_that_cannot_be_read_is_left_and_not_called_unknown() -> None:
    state, other = trigger(), trigger()
    replica = Replica(state, other)
    await replica.resync()
    del replica.configuration.followed[state.id]
    assert (await replica.resync()).unknown == 1
    replica.configuration.unreadable = [state.id]
    assert (await replica.resync()).unknown == 0
    assert f"trigger-{state.id}" in replica.temporal.schedules


async def test_a_schedule_of_each_minute_always_has_a_published_fire_ahead() -> None:
    """Temporal lists five times. Compared each minute, the last of them is always far enough ahead."""
    state = trigger(config=ScheduleConfig(cron_expression="* * * * *"))
    replica = Replica(state)
    await replica.resync()
    key = schedule_id(state.id)
    for _ in range(30):
        minute = replica.clock.now.replace(second=0, microsecond=0)
        replica.temporal.change(
            key,
            next_fire_times=tuple(minute + timedelta(minutes=1 + number) for number in range(5)),
        )
        await replica.resync()
        fact = replica.facts[-1]
        assert isinstance(fact, ScheduleSynced)
        # The comparison itself, and an interruption of it, take their time, too.
        replica.clock.now += timedelta(seconds=60 + 47)
        assert fact.next_fire_times[-1] > replica.clock.now


async def test_a_trigger_whose_end_has_passed_needs_no_schedule() -> None:
    end = AT + timedelta(hours=1)
    state = trigger(config=ScheduleConfig(cron_expression="* * * * *", end_at=end))
    replica = Replica(state)
    assert (await replica.resync()).drift == 1
    replica.clock.now = end + timedelta(days=8)
    replica.temporal.schedules.clear()  # as Temporal does 7 days after the last fire
    for _ in range(2):
        assert (await replica.resync()).drift == 0
    assert not replica.temporal.schedules
    assert [type(fact) for fact in replica.facts] == [ScheduleSynced]

    # A message, here of a new name, has an answer all the same.
    replica.configuration.states[state.id] = msgspec.structs.replace(state, name="Other", version=2)
    await replica.reconciler.reconcile(state.id)
    last = replica.facts[-1]
    assert isinstance(last, ScheduleSynced)
    assert (last.trigger_version, last.next_fire_times) == (2, ())
    assert not replica.temporal.schedules


async def test_pausing_is_a_step_of_its_own() -> None:
    state = trigger()
    replica = Replica(state)
    await replica.resync()
    for version, enabled in ((2, False), (3, True)):
        replica.configuration.states[state.id] = msgspec.structs.replace(
            state, version=version, enabled=enabled
        )
        await replica.reconciler.reconcile(state.id)
        assert replica.temporal.schedules[schedule_id(state.id)].paused is not enabled
    assert [type(step) for step in replica.steps] == [Create, Pause, Resume]
    replica.configuration.followed = dict(replica.configuration.states)
    assert (await replica.resync()).drift == 0


async def test_finding_the_drift_changes_nothing() -> None:
    state, refused = trigger(), trigger(config=ScheduleConfig(cron_expression="@noon"))
    replica = Replica(state, refused)
    found = await replica.full_resync.find_drift()
    assert [type(step) for step in found.steps.values()] == [Create]
    assert list(found.refused) == [schedule_id(refused.id)]
    assert not replica.temporal.schedules
    assert not replica.facts


async def test_a_schedule_that_a_listing_lacks_may_still_exist() -> None:
    """The listing is eventually consistent, and the trigger may have changed since."""
    ended = ScheduleConfig(cron_expression="0 9 * * *", end_at=AT - timedelta(days=1))
    for newer in ({"config": ended}, {"deleted_at": AT}, {"name": "Other"}):
        state = trigger()
        replica = Replica(state)
        await replica.resync()
        replica.configuration.store(msgspec.structs.replace(state, version=2, **newer))
        await replica.reconciler.reconcile(state.id, seen=1, hint=ExistenceHint.MISSING)
        assert [type(step) for step in replica.steps[1:]] == [Delete if "deleted_at" in newer else Update]
        assert (await replica.resync()).drift == 0


async def test_an_edit_that_neither_note_nor_times_show_is_undone_in_its_turn() -> None:
    states = [trigger(id=UUID(int=number)) for number in range(40)]
    replica = Replica(*states, rounds=4)
    await replica.resync()
    replica.steps.clear()
    replica.temporal.edited = {schedule_id(state.id) for state in states}
    left = list[int]()
    for _ in range(4):
        replica.clock.now += timedelta(minutes=1)
        result = await replica.resync()
        assert result.left == 0
        left.append(len(replica.temporal.edited))
    assert left == [30, 20, 10, 0]
    assert [type(step) for step in replica.steps] == [Update] * 40


async def test_an_edited_schedule_is_written_as_a_whole_and_not_only_paused() -> None:
    state = trigger()
    replica = Replica(state, rounds=1_000_000)
    await replica.resync()
    key = schedule_id(state.id)
    replica.temporal.edited.add(key)
    replica.configuration.states[state.id] = msgspec.structs.replace(state, version=2, enabled=False)
    with capture_logs() as logs:
        await replica.reconciler.reconcile(state.id)
    assert [type(step) for step in replica.steps] == [Create, Update]
    assert replica.temporal.schedules[key].paused
    assert "schedule was changed by hand" in [entry["event"] for entry in logs]


@pytest.mark.parametrize("error", [TemporalUnavailableError("DEADLINE_EXCEEDED"), ValueError("a defect")])
async def test_a_schedule_that_is_never_described_keeps_no_other_waiting(error: Exception) -> None:
    silent, fine = trigger(), trigger()
    replica = Replica(silent, fine)
    await replica.resync()
    replica.temporal.describe_errors[schedule_id(silent.id)] = error
    replica.temporal.edited = {schedule_id(silent.id), schedule_id(fine.id)}
    await replica.resync()
    assert replica.temporal.edited == {schedule_id(silent.id)}


async def test_a_schedule_that_temporal_cannot_describe_is_still_deleted() -> None:
    state = trigger()
    replica = Replica(state)
    await replica.resync()
    replica.temporal.describe_errors[schedule_id(state.id)] = TemporalUnavailableError(
        "Workflow Task in failed state"
    )
    replica.configuration.states[state.id] = msgspec.structs.replace(state, version=2, deleted_at=AT)
    await replica.reconciler.reconcile(state.id)
    assert not replica.temporal.schedules
    assert [type(fact) for fact in replica.facts] == [ScheduleSynced, ScheduleRemoved]


@pytest.mark.usefixtures("no_timetables_cached")
async def test_the_loop_serves_others_while_a_timetable_is_computed() -> None:
    """This one takes about two seconds of the processor, and is refused in the end."""
    config = ScheduleConfig(
        cron_expression="* 0-22 * * *",
        additional_expressions=("* 0-21 * * *", "* 1-22 * * *"),
        timezone="Europe/Berlin",
        dst_policy=DstPolicy.SHIFT,
    )
    replica = Replica(trigger(config=config))
    turns = 0

    async def take_turns() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0.001)
            turns += 1

    others = asyncio.create_task(take_turns())
    await replica.resync()
    others.cancel()
    assert [type(fact) for fact in replica.facts] == [ScheduleSyncFailed]
    assert turns > 20
