"""What a description has, and the reply where there is none."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from scheduler_sync.domain.live import LiveSchedule, nominal_time, status_of
from scheduler_sync.entrypoints.requests import on_describe_schedule
from scheduler_sync.ports import TemporalUnavailableError
from scheduler_sync.usecases.manual_runs import describe_schedule
from trigger_contracts import codec
from trigger_contracts.config import OverlapPolicy
from trigger_contracts.schedule_requests import (
    DESCRIBE_REPLIES,
    DescribeSchedule,
    DroppedFires,
    FailureCode,
    RequestFailed,
    ScheduleDescribed,
    ScheduleStatus,
)
from trigger_contracts.workflow_io import TriggeredInput

AT = datetime(2026, 1, 1, 9, tzinfo=UTC)
ID = UUID(int=1)
TIMES = tuple(AT + timedelta(days=number) for number in range(12))


def live(**changes: Any) -> LiveSchedule:
    given: dict[str, Any] = {
        "note": None,
        "paused": False,
        "next_fire_times": TIMES,
        "recent_fire_times": TIMES,
        "running_workflow_ids": ("scheduled-1",),
        "dropped_fires": DroppedFires(skipped_overlap=3),
    }
    return LiveSchedule(**{**given, **changes})


class Temporal:
    def __init__(self, found: LiveSchedule | Exception | None) -> None:
        self.found = found

    async def start(self, start: TriggeredInput) -> str:
        raise AssertionError("describing starts nothing")

    async def backfill(
        self,
        schedule_id: str,
        *,
        start_at: datetime,
        end_at: datetime,
        overlap: OverlapPolicy,
        request_id: UUID | None,
    ) -> None:
        raise AssertionError("describing fills nothing")

    async def live(self, schedule_id: str) -> LiveSchedule | None:
        assert schedule_id == f"trigger-{ID}"
        if isinstance(self.found, Exception):
            raise self.found
        return self.found


def test_each_status() -> None:
    assert status_of(None) is ScheduleStatus.MISSING
    assert status_of(live()) is ScheduleStatus.RUNNING
    assert status_of(live(next_fire_times=())) is ScheduleStatus.FINISHED
    assert status_of(live(paused=True)) is ScheduleStatus.PAUSED
    assert status_of(live(paused=True, next_fire_times=())) is ScheduleStatus.PAUSED


@pytest.mark.parametrize(
    ("workflow_id", "expected"),
    [
        (f"scheduled-{ID}-2026-01-01T08:00:00Z", AT - timedelta(hours=1)),
        (f"scheduled-{ID}", AT),
        (f"scheduled-{ID}-2026-02-30T08:00:00Z", AT),
        ("", AT),
    ],
)
def test_the_nominal_time_stands_in_the_id(workflow_id: str, expected: datetime) -> None:
    assert nominal_time(workflow_id, scheduled_at=AT) == expected


async def test_a_description_is_bounded_and_a_paused_schedule_has_no_next_fire() -> None:
    described = await describe_schedule(ID, schedules=Temporal(live()))
    assert described == ScheduleDescribed(
        trigger_id=ID,
        schedule_id=f"trigger-{ID}",
        status=ScheduleStatus.RUNNING,
        next_fire_times=TIMES[:10],
        recent_fire_times=TIMES[2:],
        running_workflow_ids=("scheduled-1",),
        dropped_fires=DroppedFires(skipped_overlap=3),
    )
    paused = await describe_schedule(ID, schedules=Temporal(live(paused=True)))
    assert (paused.status, paused.next_fire_times) == (ScheduleStatus.PAUSED, ())
    assert paused.recent_fire_times == TIMES[2:]
    missing = await describe_schedule(ID, schedules=Temporal(None))
    assert missing == ScheduleDescribed(
        trigger_id=ID, schedule_id=f"trigger-{ID}", status=ScheduleStatus.MISSING
    )


@pytest.mark.parametrize("data", [b"", b"\xff", b"{}", b'{"message": "DescribeSchedule/99"}'])
async def test_a_request_that_cannot_be_read_is_answered(data: bytes) -> None:
    answer = DESCRIBE_REPLIES.decode(await on_describe_schedule(Temporal(None))(data))
    assert answer == RequestFailed(reason="unknown request type", code=FailureCode.UNKNOWN_REQUEST)


async def test_an_outage_is_answered_without_its_details() -> None:
    handle = on_describe_schedule(Temporal(TemporalUnavailableError("UNAVAILABLE: 10.1.2.3:7233")))
    answer = DESCRIBE_REPLIES.decode(await handle(codec.encode(DescribeSchedule(trigger_id=ID))))
    assert answer == RequestFailed(reason="Temporal cannot be reached now")
