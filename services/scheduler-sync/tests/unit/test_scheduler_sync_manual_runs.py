"""Which fires a backfill has; what a caller gets while Temporal or the bus is unavailable."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import msgspec
import pytest

from scheduler_sync.domain.backfill import Backfill, Rejected, decide_backfill
from scheduler_sync.domain.desired import desired_schedule
from scheduler_sync.domain.live import LiveSchedule
from scheduler_sync.entrypoints.requests import on_backfill_schedule, on_run_schedule
from scheduler_sync.ports import ScheduleRefusedError, TemporalUnavailableError
from scheduler_sync.usecases.manual_runs import ManualRuns
from scheduler_sync.usecases.schedule_calculator import ScheduleCalculator
from trigger_contracts import codec
from trigger_contracts.backfills import BackfillRequested
from trigger_contracts.config import OverlapPolicy, ScheduleConfig, TriggerState
from trigger_contracts.ids import backfill_execution_id, fire_execution_id
from trigger_contracts.schedule_requests import (
    EVERY_REPLY,
    MAX_BACKFILL_FIRES,
    BackfillSchedule,
    BackfillStarted,
    DroppedFires,
    FailureCode,
    RequestFailed,
    RunSchedule,
)
from trigger_contracts.workflow_io import MAX_INPUT_BYTES, TriggeredInput
from trigger_runtime.bus.connection import BusUnavailableError

AT = datetime(2026, 1, 1, tzinfo=UTC)
NOW = AT + timedelta(days=100)
ID = UUID(int=1)


def trigger(**config: Any) -> TriggerState:
    return TriggerState(
        id=ID,
        workspace="acme",
        workflow_id=UUID(int=2),
        name="Daily",
        enabled=True,
        config=ScheduleConfig(**{"cron_expression": "0 9 * * *", **config}),
        version=1,
        created_at=AT,
        updated_at=AT,
    )


def decided(
    *, start_at: datetime = AT, end_at: datetime = AT + timedelta(days=2), **config: Any
) -> Backfill | Rejected:
    desired = desired_schedule(trigger(**config))
    assert desired is not None
    return decide_backfill(desired, start_at=start_at, end_at=end_at, now=NOW)


def test_both_ends_of_a_range_are_in_it() -> None:
    nine = AT.replace(hour=9)
    found = decided(start_at=nine, end_at=nine + timedelta(days=1))
    assert isinstance(found, Backfill)
    assert found.fire_times == (nine, nine + timedelta(days=1))
    assert found.execution_ids == tuple(fire_execution_id(ID, nominal_time=time) for time in found.fire_times)


def test_excluded_dates_are_not_backfilled() -> None:
    start = AT + timedelta(days=1)
    found = decided(excluded_dates=(AT.date(),))
    assert isinstance(found, Backfill)
    assert found.fire_times == (start.replace(hour=9),)


def test_a_range_without_fires_is_accepted() -> None:
    found = decided(end_at=AT + timedelta(hours=1))
    assert isinstance(found, Backfill)
    assert found.fire_times == ()


def test_the_limit_is_exact() -> None:
    minute = timedelta(minutes=1)
    most = decided(cron_expression="* * * * *", end_at=AT + (MAX_BACKFILL_FIRES - 1) * minute)
    assert isinstance(most, Backfill)
    assert len(most.fire_times) == MAX_BACKFILL_FIRES
    assert decided(cron_expression="* * * * *", end_at=AT + MAX_BACKFILL_FIRES * minute) == Rejected(
        f"that is more than {MAX_BACKFILL_FIRES} fires; choose a shorter range"
    )


def test_fewer_fires_are_allowed_for_a_schedule_of_many_calendars() -> None:
    many = tuple(f"{minute} {minute % 24} 1W,5W,9W,13W,17W * *" for minute in range(1, 10))
    found = decided(cron_expression="* * * * *", additional_expressions=many, end_at=AT + timedelta(hours=8))
    assert isinstance(found, Rejected)
    limit = int(found.reason.split()[4])
    assert 50 < limit < MAX_BACKFILL_FIRES
    assert isinstance(
        decided(
            cron_expression="* * * * *",
            additional_expressions=many,
            end_at=AT + timedelta(minutes=limit - 1),
        ),
        Backfill,
    )


def test_a_second_that_has_begun_is_not_in_a_range() -> None:
    nine = AT.replace(hour=9)
    half = timedelta(milliseconds=500)
    for start_at, end_at, count in (
        (nine, nine, 1),
        (nine, nine + half, 1),
        (nine - half, nine, 1),
        (nine + half, nine + timedelta(hours=1), 0),
        (nine + half, nine + half, 0),
    ):
        found = decided(start_at=start_at, end_at=end_at)
        assert isinstance(found, Backfill)
        assert len(found.fire_times) == count
        # What Temporal is asked for is what was decided on.
        assert (found.start_at.microsecond, found.end_at.microsecond) == (0, 0)


@pytest.mark.parametrize(
    ("start_at", "end_at", "fires"),
    [
        (datetime.min.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC), 0),
        (datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=1))), AT.replace(year=1), 0),
        (datetime(1969, 12, 31, 23, 59, tzinfo=UTC), datetime(1970, 1, 1, 0, 1, tzinfo=UTC), 2),
    ],
)
def test_nothing_fires_before_1970(start_at: datetime, end_at: datetime, fires: int) -> None:
    found = decided(start_at=start_at, end_at=end_at, cron_expression="* * * * *")
    assert isinstance(found, Backfill)
    assert len(found.fire_times) == fires


def test_the_end_of_the_calendar_is_in_the_future() -> None:
    end_at = datetime(9999, 12, 31, 23, 59, 59, tzinfo=timezone(timedelta(hours=-5)))
    assert decided(end_at=end_at) == Rejected("the end is in the future", field="endAt")


def test_an_unknown_zone_is_refused() -> None:
    assert decided(timezone="Mars/Base") == Rejected("unknown time zone 'Mars/Base'")


def live(note: str) -> LiveSchedule:
    return LiveSchedule(
        note=note,
        paused=False,
        next_fire_times=(),
        recent_fire_times=(),
        running_workflow_ids=(),
        dropped_fires=DroppedFires(),
    )


class World:
    """Temporal and the configuration; what is an exception is raised."""

    def __init__(
        self, state: TriggerState | Exception | None = None, *, error: Exception | None = None
    ) -> None:
        self.state = state
        self.error = error
        self.record_error: Exception | None = None
        self.started: list[TriggeredInput] = []
        self.backfilled: list[tuple[datetime, datetime, OverlapPolicy]] = []
        self.recorded: list[BackfillRequested] = []
        self.note: str | None = None
        self.runs = ManualRuns(
            self, records=self, configuration=self, calculator=ScheduleCalculator(), now=lambda: NOW
        )

    async def live(self, schedule_id: str) -> LiveSchedule | None:
        if self.error is not None:
            raise self.error
        desired = desired_schedule(self.state) if isinstance(self.state, TriggerState) else None
        return live(self.note or desired.note) if desired is not None else None

    async def start(self, start: TriggeredInput) -> str:
        if self.error is not None:
            raise self.error
        self.started.append(start)
        return "workflow"

    async def backfill(
        self,
        schedule_id: str,
        *,
        start_at: datetime,
        end_at: datetime,
        overlap: OverlapPolicy,
        request_id: UUID | None,
    ) -> None:
        if self.error is not None:
            raise self.error
        self.backfilled.append((start_at, end_at, overlap))

    async def record(self, request: BackfillRequested) -> None:
        if self.record_error is not None:
            raise self.record_error
        assert not self.backfilled, "Temporal has it before it is written down"
        self.recorded.append(request)

    async def latest(self, trigger_id: UUID) -> TriggerState | None:
        if isinstance(self.state, Exception):
            raise self.state
        return self.state

    def known(self, trigger_id: UUID) -> TriggerState | None:
        raise AssertionError("running reads the latest state, not what was known")

    def schedule_triggers(self) -> Iterable[TriggerState]:
        raise AssertionError("running reads the latest state, not what was known")

    def unreadable_triggers(self) -> Iterable[UUID]:
        raise AssertionError("running reads the latest state, not what was known")

    async def asked_to_run(self) -> Any:
        request = RunSchedule(trigger_id=ID, execution_id=UUID(int=3), requested_at=NOW, request_id="r")
        return EVERY_REPLY.decode(await on_run_schedule(self.runs)(codec.encode(request)))

    async def asked_to_backfill(self, **changes: Any) -> Any:
        given: dict[str, Any] = {
            "trigger_id": ID,
            "start_at": AT,
            "end_at": AT + timedelta(days=2),
            "overlap_policy": OverlapPolicy.BUFFER_ALL,
            "expected_fires": 2,
        }
        request = BackfillSchedule(**{**given, **changes})
        return EVERY_REPLY.decode(await on_backfill_schedule(self.runs)(codec.encode(request)))


@pytest.mark.parametrize(
    ("world", "answer"),
    [
        (
            World(trigger(), error=TemporalUnavailableError("UNAVAILABLE: 10.1.2.3")),
            RequestFailed(reason="Temporal cannot be reached now"),
        ),
        (
            World(BusUnavailableError("10.1.2.3")),
            RequestFailed(reason="the configuration cannot be read now"),
        ),
        (World(), RequestFailed(reason="there is no such schedule trigger", code=FailureCode.NOT_FOUND)),
        (
            World(trigger(), error=ScheduleRefusedError("no")),
            RequestFailed(reason="no", code=FailureCode.REFUSED),
        ),
    ],
)
async def test_why_a_run_was_not_started(world: World, answer: RequestFailed) -> None:
    assert await world.asked_to_run() == answer
    assert not world.started


async def test_an_input_that_temporal_does_not_take_is_not_sent() -> None:
    world = World(trigger(input="x" * MAX_INPUT_BYTES))
    answer = await world.asked_to_run()
    assert answer.code is FailureCode.REFUSED
    assert f"over {MAX_INPUT_BYTES}" in answer.reason


async def test_a_backfill_of_nothing_is_not_sent() -> None:
    world = World(trigger(cron_expression="0 9 1 2 *"))
    assert await world.asked_to_backfill(expected_fires=0) == BackfillStarted(
        trigger_id=ID, fire_times=(), execution_ids=()
    )
    assert not world.backfilled


async def test_a_backfill_is_sent_as_it_was_asked_for() -> None:
    world = World(trigger())
    answer = await world.asked_to_backfill()
    assert isinstance(answer, BackfillStarted)
    assert world.backfilled == [(AT, AT + timedelta(days=2), OverlapPolicy.BUFFER_ALL)]


async def test_a_backfill_is_written_down_before_temporal_has_it_and_has_executions_of_its_own() -> None:
    world, request_id = World(trigger()), UUID(int=77)
    answer = await world.asked_to_backfill(request_id=request_id)
    assert isinstance(answer, BackfillStarted)
    (recorded,) = world.recorded
    assert (recorded.request_id, recorded.requested_at, recorded.fire_times) == (
        request_id,
        NOW,
        answer.fire_times,
    )
    assert answer.execution_ids == tuple(
        backfill_execution_id(ID, request_id=request_id, nominal_time=at) for at in answer.fire_times
    )
    away = World(trigger())
    away.record_error = BusUnavailableError("away")
    assert isinstance(await away.asked_to_backfill(request_id=request_id), RequestFailed)
    assert away.backfilled == []


async def test_a_schedule_that_is_not_synced_is_not_backfilled() -> None:
    world = World(trigger())
    world.note = "another version's"
    assert await world.asked_to_backfill() == RequestFailed(reason="the schedule is not synced yet")
    assert not world.backfilled
    paused = desired_schedule(msgspec.structs.replace(trigger(), enabled=False))
    assert paused is not None
    world.note = paused.note
    assert isinstance(await world.asked_to_backfill(), BackfillStarted), "it fires at the same times"


async def test_a_trigger_that_cannot_be_compiled_has_no_backfill() -> None:
    answer = await World(trigger(cron_expression="@noon")).asked_to_backfill()
    assert answer.code is FailureCode.REFUSED
    assert "'@noon' is unknown" in answer.reason
