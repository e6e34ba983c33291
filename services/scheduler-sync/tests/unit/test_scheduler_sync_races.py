"""Changes at the worst moment, which the real servers cannot be made to show."""

import asyncio
from datetime import timedelta

import msgspec
from schedule_doubles import AT, Replica, trigger

from scheduler_sync.domain.desired import desired_schedule
from scheduler_sync.domain.plan import ActualSchedule, Create, Delete, Update
from trigger_contracts.schedules import ScheduleRemoved, schedule_id


async def test_an_older_fact_never_follows_a_newer_one_of_this_replica() -> None:
    state = trigger()
    replica = Replica(state)
    await replica.reconciler.reconcile(state.id)
    gone = msgspec.structs.replace(state, version=2, deleted_at=AT)

    async def deleted_meanwhile() -> None:
        # The follower, from which the comparison takes its triggers, is behind the stream.
        replica.configuration.states[state.id] = gone
        await replica.reconciler.reconcile(state.id)

    replica.temporal.after_listing = deleted_meanwhile
    replica.facts.clear()
    await replica.resync()
    assert [(type(fact), fact.trigger_version) for fact in replica.facts] == [(ScheduleRemoved, 2)]


async def test_a_change_waits_while_a_fact_is_being_published() -> None:
    state = trigger()
    replica = Replica(state)
    await replica.reconciler.reconcile(state.id)
    key, before = schedule_id(state.id), replica.temporal.schedules[schedule_id(state.id)]
    replica.temporal.schedules[key] = ActualSchedule(
        schedule_id=key, note=before.note, paused=before.paused, next_fire_times=(AT + timedelta(days=2),)
    )
    changes: list[asyncio.Task[None]] = []

    async def deleted_now() -> None:
        replica.configuration.states[state.id] = msgspec.structs.replace(state, version=2, deleted_at=AT)
        changes.append(asyncio.create_task(replica.reconciler.reconcile(state.id)))
        await asyncio.wait(changes, timeout=0.1)

    replica.configuration.after_next_read = deleted_now
    await replica.resync()
    await asyncio.gather(*changes)
    assert [fact.trigger_version for fact in replica.facts] == [1, 1, 2]


async def test_the_configuration_is_read_again_after_an_edit_is_undone() -> None:
    """Another replica may have paused it meanwhile."""
    state = trigger()
    replica = Replica(state, rounds=1_000_000)
    await replica.resync()
    key = schedule_id(state.id)
    replica.temporal.change(key, next_fire_times=())
    replica.temporal.edited.add(key)

    async def paused_meanwhile() -> None:
        replica.configuration.states[state.id] = msgspec.structs.replace(state, version=2, enabled=False)
        paused = desired_schedule(replica.configuration.states[state.id])
        assert paused is not None
        await replica.temporal.update(paused)

    replica.temporal.before_next_update = paused_meanwhile
    await replica.resync()
    assert replica.temporal.schedules[key].paused
    assert replica.facts[-1].trigger_version == 2


async def test_what_another_replica_wrote_meanwhile_is_looked_at_again() -> None:
    state = trigger()
    replica = Replica(state)
    newer = msgspec.structs.replace(state, version=2, name="Newer")

    async def written_by_another() -> None:
        replica.configuration.states[state.id] = newer
        desired = desired_schedule(newer)
        assert desired is not None
        await replica.temporal.update(desired)

    # After the first version was read, and before it is written over the second one.
    replica.configuration.after_next_read = written_by_another
    await replica.reconciler.reconcile(state.id)
    desired = desired_schedule(newer)
    assert desired is not None
    assert replica.temporal.schedules[schedule_id(state.id)].note == desired.note
    assert [type(step) for step in replica.steps] == [Update, Update]
    assert [fact.trigger_version for fact in replica.facts] == [2]


async def test_a_deletion_that_another_replica_saw_first_is_not_undone() -> None:
    state = trigger()
    replica = Replica(state)

    async def deleted() -> None:
        replica.configuration.states[state.id] = msgspec.structs.replace(state, version=2, deleted_at=AT)

    replica.configuration.after_next_read = deleted
    await replica.reconciler.reconcile(state.id)
    assert not replica.temporal.schedules
    assert [type(step) for step in replica.steps] == [Create, Delete]
    assert [type(fact) for fact in replica.facts] == [ScheduleRemoved]
