"""The plan is the whole decision; the fingerprint is what makes it cheap."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec

from scheduler_sync.domain.desired import DesiredSchedule, desired_schedule
from scheduler_sync.domain.plan import ActualSchedule, Create, Delete, Nothing, Update, plan
from trigger_contracts.config import ManualConfig, OverlapPolicy, ScheduleConfig, TriggerState

AT = datetime(2026, 1, 1, tzinfo=UTC)
TRIGGER = TriggerState(
    id=UUID(int=1),
    workspace="acme",
    workflow_id=UUID(int=2),
    name="Daily",
    enabled=True,
    config=ScheduleConfig(cron_expression="0 9 * * *"),
    version=1,
    created_at=AT,
    updated_at=AT,
)


def desired(**changes: Any) -> DesiredSchedule:
    found = desired_schedule(msgspec.structs.replace(TRIGGER, **changes))
    assert found is not None
    return found


def actual(schedule: DesiredSchedule, **changes: Any) -> ActualSchedule:
    values = {"note": schedule.note, "paused": schedule.paused, **changes}
    return ActualSchedule(schedule_id=schedule.schedule_id, next_fire_times=(), **values)


def test_each_case_has_its_step() -> None:
    wanted = desired()
    assert plan(None, actual=None) == Nothing()
    assert plan(wanted, actual=None) == Create(wanted)
    assert plan(None, actual=actual(wanted)) == Delete(wanted.schedule_id)
    assert plan(wanted, actual=actual(wanted)) == Nothing()
    assert plan(wanted, actual=actual(wanted, note="by hand")) == Update(wanted)
    assert plan(wanted, actual=actual(wanted, paused=True)) == Update(wanted)


def test_the_fingerprint_tells_what_matters_and_only_that() -> None:
    note = desired().note
    assert desired(version=9, updated_at=datetime(2027, 1, 1, tzinfo=UTC)).note == note
    assert desired(config=ScheduleConfig(cron_expression="00 09 * * *")).note == note
    others = [
        desired(enabled=False),
        desired(name="Other"),
        desired(workflow_id=UUID(int=3)),
        desired(config=ScheduleConfig(cron_expression="1 9 * * *")),
        desired(config=ScheduleConfig(cron_expression="0 9 * * *", timezone="Europe/Berlin")),
        desired(config=ScheduleConfig(cron_expression="0 9 * * *", catchup_window_seconds=61)),
        desired(config=ScheduleConfig(cron_expression="0 9 * * *", overlap_policy=OverlapPolicy.SKIP)),
        desired(config=ScheduleConfig(cron_expression="0 9 * * *", input={"a": 1})),
    ]
    assert len({note, *(other.note for other in others)}) == len(others) + 1


def test_deleted_triggers_and_other_types_have_none() -> None:
    assert desired_schedule(msgspec.structs.replace(TRIGGER, deleted_at=AT)) is None
    assert desired_schedule(msgspec.structs.replace(TRIGGER, config=ManualConfig())) is None
