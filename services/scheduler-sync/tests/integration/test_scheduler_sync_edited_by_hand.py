"""Schedules that somebody changed where neither the note nor the next fire times show it."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any, Final
from uuid import uuid4

import pytest
from temporalio.api.workflowservice.v1 import DescribeScheduleRequest, UpdateScheduleRequest
from temporalio.client import Schedule, ScheduleOverlapPolicy, ScheduleUpdate, ScheduleUpdateInput
from temporalio.common import Priority, RetryPolicy

from scheduler_sync.adapters.temporal_schedules import TemporalSchedules
from scheduler_sync.domain.desired import DesiredSchedule, desired_schedule
from scheduler_sync.domain.next_times import agree, next_times
from scheduler_sync.domain.plan import ActualSchedule
from trigger_contracts.config import DstPolicy, OverlapPolicy, ScheduleConfig
from trigger_runtime.temporal import TemporalConnection, TemporalSettings

pytestmark = pytest.mark.integration

RANDOM_ONES: Final = 60

EXPRESSIONS: Final = [
    "0 9 L * *",
    "0 0 13 * FRI",
    "*/7 1-5 LW 2,8 *",
    "30 2 * * SUN#1",
    "@yearly",
]
INPUTS: Final[list[Any]] = [
    None,
    {},
    {"a": 1, "ü": [None, True, 2.5, ""]},
    "text",
    0,
    [],
    [[{}]],
    {"deep": {"er": -1e300}},
]


def other_policy(schedule: Schedule) -> None:
    schedule.policy.overlap = ScheduleOverlapPolicy.CANCEL_OTHER


def other_window(schedule: Schedule) -> None:
    schedule.policy.catchup_window = timedelta(seconds=77)


def pausing_on_failure(schedule: Schedule) -> None:
    schedule.policy.pause_on_failure = True


def other_jitter(schedule: Schedule) -> None:
    schedule.spec.jitter = timedelta(seconds=9)


def other_end(schedule: Schedule) -> None:
    schedule.spec.end_at = datetime(2098, 1, 1, tzinfo=UTC)


def other_input(schedule: Schedule) -> None:
    action: Any = schedule.action
    action.args = [{"surprise": True}]


def no_input(schedule: Schedule) -> None:
    action: Any = schedule.action
    action.args = []


def time_limit(schedule: Schedule) -> None:
    action: Any = schedule.action
    action.execution_timeout = timedelta(seconds=5)


def retries(schedule: Schedule) -> None:
    action: Any = schedule.action
    action.retry_policy = RetryPolicy(maximum_attempts=2)


def other_queue(schedule: Schedule) -> None:
    action: Any = schedule.action
    action.task_queue = "nobody"


def other_workflow(schedule: Schedule) -> None:
    action: Any = schedule.action
    action.workflow = "nothing"


def memo(schedule: Schedule) -> None:
    action: Any = schedule.action
    action.memo = {"by": "hand"}


def other_summary(schedule: Schedule) -> None:
    action: Any = schedule.action
    action.static_summary = "by hand"


def priority(schedule: Schedule) -> None:
    action: Any = schedule.action
    action.priority = Priority(priority_key=4)


def few_runs(schedule: Schedule) -> None:
    schedule.state.limited_actions = True
    schedule.state.remaining_actions = 3


ALTERATIONS: Final[list[Callable[[Schedule], None]]] = [
    *(other_policy, other_window, pausing_on_failure, other_jitter, other_end, other_input, no_input),
    *(time_limit, retries, other_queue, other_workflow, memo, other_summary, priority, few_runs),
]


async def edit_by_hand(stage: Any, schedule_id: str, alter: Callable[[Schedule], None]) -> None:
    """Change a schedule as its page in Temporal does: all else, and the note, stay."""

    def change(given: ScheduleUpdateInput) -> ScheduleUpdate:
        alter(given.description.schedule)
        return ScheduleUpdate(schedule=given.description.schedule)

    await stage.temporal.get_schedule_handle(schedule_id).update(change)


def drawn(random: Random) -> ScheduleConfig:
    """Return a configuration with any of the options."""
    start = datetime(2030, 1, 1, tzinfo=UTC) + timedelta(microseconds=random.randrange(10**12))
    policy = random.choice([DstPolicy.LITERAL, DstPolicy.LITERAL, DstPolicy.SHIFT])
    hourly = [] if policy is DstPolicy.SHIFT else random.sample(EXPRESSIONS, random.randrange(3))
    return ScheduleConfig(
        cron_expression="30 2 LW * *" if policy is DstPolicy.SHIFT else random.choice(EXPRESSIONS),
        timezone=random.choice(["UTC", "Europe/Berlin", "America/New_York"]),
        input=random.choice(INPUTS),
        overlap_policy=random.choice(list(OverlapPolicy)),
        catchup_window_seconds=random.choice([10, 60, 86_400, 31_536_000]),
        jitter_seconds=random.choice([0, 1, 3600]),
        start_at=random.choice([None, start]),
        end_at=random.choice([None, start + timedelta(days=random.randrange(1, 9000), microseconds=1)]),
        additional_expressions=tuple(hourly),
        excluded_dates=tuple(date(2031, 1, day) for day in range(1, random.randrange(1, 5))),
        dst_policy=policy,
    )


@pytest.fixture
async def schedules(temporal_address: str) -> Any:
    connection = TemporalConnection(TemporalSettings(temporal_address=temporal_address), identity="test")
    await connection.start()
    yield TemporalSchedules(connection)
    await connection.stop()


async def described(schedules: TemporalSchedules, desired: DesiredSchedule) -> ActualSchedule:
    found = await schedules.describe(desired.schedule_id, expected=desired)
    assert found is not None
    return found


async def is_edited(schedules: TemporalSchedules, desired: DesiredSchedule) -> bool:
    return (await described(schedules, desired)).edited_by_hand


async def test_what_was_written_never_counts_as_edited(stage: Any, schedules: TemporalSchedules) -> None:
    """Else it would be written again and again. It fires when it was foretold to."""
    random = Random(20261126)
    foretold = 0
    for number in range(RANDOM_ONES):
        state = stage.trigger(
            drawn(random), name=random.choice(["Plain", "ü 漢 " * 80, " "]), enabled=bool(number % 3)
        )
        desired = desired_schedule(state)
        assert desired is not None
        await schedules.create(desired)
        found = await described(schedules, desired)
        assert not found.edited_by_hand, state.config
        expected = next_times(desired, now=datetime.now(UTC), count=10)
        if expected:
            foretold += 1
            assert agree(found.next_fire_times, expected, now=datetime.now(UTC)), state.config
        await schedules.pause(desired.schedule_id, note=desired.note)
        await schedules.resume(desired.schedule_id, note=desired.note)
        assert not await is_edited(schedules, desired), state.config
        await edit_by_hand(stage, desired.schedule_id, lambda _: None)
        assert not await is_edited(schedules, desired), "through the client's own forms and back"
    assert foretold > 10


@pytest.mark.parametrize("alter", ALTERATIONS, ids=lambda alter: str(alter.__name__))
async def test_whatever_is_changed_is_noticed(
    stage: Any, schedules: TemporalSchedules, alter: Callable[[Schedule], None]
) -> None:
    desired = desired_schedule(stage.trigger())
    assert desired is not None
    await schedules.create(desired)
    await edit_by_hand(stage, desired.schedule_id, alter)
    assert await is_edited(schedules, desired)
    await schedules.update(desired)
    assert not await is_edited(schedules, desired)


async def test_it_is_put_back_and_then_left_alone(stage: Any, eventually: Any) -> None:
    running, paused = stage.trigger(), stage.trigger(enabled=False)
    async with stage.replica(resync_closely_seconds=0) as replica:
        for state in (running, paused):
            await stage.publish(state)
            await eventually(lambda state=state: stage.fact(state))
        for state, alter in ((running, other_policy), (paused, other_input)):
            before = await stage.described(state.id)
            await edit_by_hand(stage, f"trigger-{state.id}", alter)

            async def is_put_back(state: Any = state, before: Any = before) -> bool:
                found = await stage.described(state.id)
                return bool(found.schedule == before.schedule)

            await eventually(is_put_back)
        steps = await replica.metric('schedules_steps_total{step="update"}')
        assert steps == 2
        compared = await replica.metric("schedules_compared_at_seconds")

        async def compared_again() -> bool:
            at = await replica.metric("schedules_compared_at_seconds")
            return bool(at is not None and compared is not None and at > compared + 2)

        await eventually(compared_again)
        assert await replica.metric('schedules_steps_total{step="update"}') == steps
        assert await replica.metric("schedules_drift_found") == 0


async def test_a_pause_of_an_edited_schedule_writes_all_of_it(stage: Any, eventually: Any) -> None:
    """A patch that only pauses would leave the rest as somebody made it."""
    state = stage.trigger()
    async with stage.replica(resync_seconds=3600):
        await stage.publish(state)
        await eventually(lambda: stage.fact(state))
        await edit_by_hand(stage, f"trigger-{state.id}", other_policy)
        paused = stage.trigger(id=state.id, workflow_id=state.workflow_id, version=2, enabled=False)
        await stage.publish(paused)
        await eventually(lambda: stage.fact(paused))
        found = await stage.described(state.id)
        assert found.schedule.state.paused
        assert found.schedule.policy.overlap is ScheduleOverlapPolicy.BUFFER_ONE


async def test_a_schedule_that_the_client_cannot_read_is_put_back(
    stage: Any, schedules: TemporalSchedules, eventually: Any
) -> None:
    """The server takes what the client library raises at: it must stop neither a comparison nor a change."""
    broken, fine = stage.trigger(), stage.trigger()
    async with stage.replica(resync_seconds=3600):
        for state in (broken, fine):
            await stage.publish(state)
            await eventually(lambda state=state: stage.fact(state))
    client = stage.temporal.workflow_service

    async def make_unreadable(year: int) -> None:
        which: dict[str, Any] = {"namespace": "default", "schedule_id": f"trigger-{broken.id}"}
        schedule = (await client.describe_schedule(DescribeScheduleRequest(**which))).schedule
        if year:
            schedule.spec.end_time.seconds = (year - 1970) * 31_556_952
        else:
            schedule.policies.overlap_policy = 99
        request = UpdateScheduleRequest(**which, schedule=schedule, request_id=uuid4().hex)
        await client.update_schedule(request)
        with pytest.raises(ValueError, match=r"imestamp|99"):
            await stage.described(broken.id)

    desired = desired_schedule(broken)
    assert desired is not None
    for year in (12_000, 0):
        await make_unreadable(year)
        assert await is_edited(schedules, desired)
        assert {found.schedule_id async for found in schedules.all()} >= {f"trigger-{fine.id}"}
        async with stage.replica(resync_closely_seconds=0) as replica:
            await eventually(lambda: replica.metric("schedules_compared_at_seconds"))
            assert await replica.metric("schedules_drift_found") == 1
            assert await replica.metric("schedules_drift") == 0
        assert not await is_edited(schedules, desired)
    await make_unreadable(12_000)
    paused = stage.trigger(id=broken.id, workflow_id=broken.workflow_id, version=2, enabled=False)
    async with stage.replica(resync_seconds=3600):
        await stage.publish(paused)
        await eventually(lambda: stage.fact(paused))
    assert (await stage.described(broken.id)).schedule.state.paused
