"""What cannot become a schedule: it is published once, and what was there before is stated truly."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from schedule_doubles import AT, Replica, trigger
from structlog.testing import capture_logs

from scheduler_sync.domain.desired import desired_schedule
from scheduler_sync.domain.plan import Create, Pause
from scheduler_sync.ports import ScheduleRefusedError, TemporalUnavailableError
from trigger_contracts.config import ScheduleConfig
from trigger_contracts.schedules import ScheduleRemoved, ScheduleSynced, ScheduleSyncFailed, schedule_id
from trigger_contracts.workflow_io import MAX_INPUT_BYTES, encoded_size
from trigger_cron import Timetable, TimetableError, timetable_cache


async def test_a_refusal_is_published_again_when_the_old_schedule_has_fired() -> None:
    state = trigger(config=ScheduleConfig(cron_expression="* * * * *"))
    replica = Replica(state)
    await replica.resync()
    key = schedule_id(state.id)
    broken = msgspec.structs.replace(state, version=2, config=ScheduleConfig(cron_expression="@noon"))
    replica.configuration.store(broken)
    with capture_logs() as logs:
        for minute in range(3):
            times = tuple(AT + timedelta(minutes=minute + number) for number in range(1, 6))
            replica.temporal.change(key, next_fire_times=times)
            for _ in range(2):
                await replica.resync()
            last = replica.facts[-1]
            assert isinstance(last, ScheduleSyncFailed)
            assert last.next_fire_times == times
    assert len(replica.facts) == 4
    assert [entry["event"] for entry in logs].count("schedule refused") == 1


async def test_a_refusal_is_news_once_for_each_version_and_reason() -> None:
    state = trigger()
    replica = Replica(state)
    key = schedule_id(state.id)
    replica.temporal.write_errors[key] = ScheduleRefusedError("no such time zone")
    with capture_logs() as logs:
        for _ in range(3):
            await replica.resync()
    assert [fact.trigger_version for fact in replica.facts] == [1]
    assert [entry["event"] for entry in logs].count("schedule refused") == 1
    replica.temporal.write_errors[key] = ScheduleRefusedError("something else")
    await replica.resync()
    newer = msgspec.structs.replace(state, version=2)
    replica.configuration.store(newer)
    await replica.resync()
    assert [fact.trigger_version for fact in replica.facts] == [1, 1, 2]
    replica.temporal.write_errors.clear()
    await replica.resync()
    replica.temporal.schedules.clear()
    replica.temporal.write_errors[key] = ScheduleRefusedError("something else")
    await replica.resync()
    assert [type(fact) for fact in replica.facts[3:]] == [ScheduleSynced, ScheduleSyncFailed]


@pytest.mark.parametrize("over", [0, 1])
async def test_the_limit_of_an_input_is_exact(over: int) -> None:
    empty = trigger(config=ScheduleConfig(cron_expression="0 9 * * *", input=""))
    wanted = desired_schedule(empty)
    assert wanted is not None
    text = "x" * (MAX_INPUT_BYTES - encoded_size(wanted.input) + over)
    replica = Replica(
        msgspec.structs.replace(empty, config=ScheduleConfig(cron_expression="0 9 * * *", input=text))
    )
    await replica.resync()
    assert [type(fact) for fact in replica.facts] == [ScheduleSyncFailed if over else ScheduleSynced]


async def test_a_delete_that_fails_is_an_error_until_it_is_done() -> None:
    """An error that is swallowed here leaves a schedule that fires for ever."""
    state = trigger()
    replica = Replica(state)
    await replica.resync()
    gone = msgspec.structs.replace(state, version=2, deleted_at=AT)
    replica.configuration.store(gone)
    replica.temporal.write_errors[schedule_id(state.id)] = TemporalUnavailableError("PERMISSION_DENIED")
    with pytest.raises(TemporalUnavailableError):
        await replica.reconciler.reconcile(state.id)
    result = await replica.resync()
    assert (result.drift, result.left) == (1, 1)
    assert isinstance(result.outage, TemporalUnavailableError)
    assert [type(fact) for fact in replica.facts] == [ScheduleSynced]
    assert schedule_id(state.id) in replica.temporal.schedules
    replica.temporal.write_errors.clear()
    assert (await replica.resync()).left == 0
    assert [type(fact) for fact in replica.facts] == [ScheduleSynced, ScheduleRemoved]
    assert not replica.temporal.schedules


async def test_a_refusal_has_the_times_of_the_schedule_that_still_fires() -> None:
    state = trigger()
    replica = Replica(state)
    await replica.resync()
    synced = replica.facts[-1]
    assert isinstance(synced, ScheduleSynced)
    broken = ScheduleConfig(cron_expression="0 9 * *")
    replica.configuration.states[state.id] = msgspec.structs.replace(state, version=2, config=broken)
    await replica.reconciler.reconcile(state.id)
    failed = replica.facts[-1]
    assert isinstance(failed, ScheduleSyncFailed)
    assert failed.next_fire_times == synced.next_fire_times


@pytest.mark.usefixtures("no_timetables_cached")
async def test_a_refusal_is_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    computed: list[str] = []

    def compiled(*_: Any, zone: str, **__: Any) -> Timetable:
        computed.append(zone)
        raise TimetableError("it cannot be said")

    monkeypatch.setattr(timetable_cache, "compile_timetable", compiled)
    config = ScheduleConfig(cron_expression="19 2 * * *", timezone="Europe/Berlin")
    for replica in (Replica(trigger(config=config)), Replica(trigger(config=config))):
        await replica.resync()
        await replica.resync()
        (fact,) = replica.facts
        assert isinstance(fact, ScheduleSyncFailed)
        assert fact.reason == "it cannot be said"
    assert computed == ["Europe/Berlin"]


@pytest.mark.parametrize("paused", [True, False])
async def test_a_trigger_that_is_disabled_and_refused_does_not_fire(paused: bool) -> None:
    """Whoever disables a trigger wants that it does not fire, whatever else is wrong with it."""
    state = trigger(enabled=not paused)
    replica = Replica(state)
    await replica.resync()
    broken = ScheduleConfig(cron_expression="@noon")
    disabled = msgspec.structs.replace(state, version=2, enabled=False, config=broken)
    replica.configuration.store(disabled)
    await replica.reconciler.reconcile(state.id)
    key = schedule_id(state.id)
    assert replica.temporal.schedules[key].paused
    assert [type(step) for step in replica.steps] == [Create, *([] if paused else [Pause])]
    last = replica.facts[-1]
    assert isinstance(last, ScheduleSyncFailed)
    assert last.next_fire_times == ()
    for _ in range(2):
        assert (await replica.resync()).left == 1
    assert len(replica.facts) == 2
    # What can be said again is written as a whole.
    mended = msgspec.structs.replace(state, version=3, enabled=True)
    replica.configuration.store(mended)
    await replica.reconciler.reconcile(state.id)
    assert not replica.temporal.schedules[key].paused
    assert (await replica.resync()).drift == 0
