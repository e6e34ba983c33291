"""The plan is the whole decision; the fingerprint is what makes it cheap."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import msgspec
import pytest

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
    assert plan(None, actual=None, now=AT) == Nothing()
    assert plan(wanted, actual=None, now=AT) == Create(wanted)
    assert plan(None, actual=actual(wanted), now=AT) == Delete(wanted.schedule_id)
    assert plan(wanted, actual=actual(wanted), now=AT) == Nothing()
    assert plan(wanted, actual=actual(wanted, note="by hand"), now=AT) == Update(wanted)
    assert plan(wanted, actual=actual(wanted, paused=True), now=AT) == Update(wanted)


def test_a_schedule_whose_end_has_passed_is_made_equal_once_and_never_made_again() -> None:
    end = AT + timedelta(days=1)
    wanted = desired(config=ScheduleConfig(cron_expression="0 9 * * *", end_at=end))
    after = end + timedelta(microseconds=1)
    assert plan(wanted, actual=None, now=end) == Create(wanted), "what fires at the end still fires"
    assert plan(wanted, actual=None, now=after) == Nothing()
    assert plan(wanted, actual=actual(desired()), now=after) == Update(wanted), "it might fire for ever"
    assert plan(wanted, actual=actual(wanted), now=after) == Nothing()
    assert plan(None, actual=actual(wanted), now=after) == Delete(wanted.schedule_id)
    for config in (
        ScheduleConfig(cron_expression="0 9 * * *"),
        ScheduleConfig(cron_expression="0 9 * * *", start_at=end),
    ):
        assert isinstance(plan(desired(config=config), actual=None, now=after), Create)


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
        desired(config=ScheduleConfig(cron_expression="0 9 * * *", jitter_seconds=1)),
        desired(config=ScheduleConfig(cron_expression="0 9 * * *", start_at=AT)),
        desired(config=ScheduleConfig(cron_expression="0 9 * * *", end_at=AT)),
    ]
    assert len({note, *(other.note for other in others)}) == len(others) + 1


def test_deleted_triggers_and_other_types_have_none() -> None:
    assert desired_schedule(msgspec.structs.replace(TRIGGER, deleted_at=AT)) is None
    assert desired_schedule(msgspec.structs.replace(TRIGGER, config=ManualConfig())) is None


@pytest.mark.parametrize(
    ("enabled", "config", "fingerprint"),
    [
        (True, ScheduleConfig(cron_expression="0 9 * * *"), "f5907f1010a10d03dc09b2ba485c146e"),
        (
            False,
            ScheduleConfig(
                cron_expression="0 9 13 * 5",
                timezone="Europe/Berlin",
                overlap_policy=OverlapPolicy.SKIP,
                catchup_window_seconds=3600,
                input={"a": [1, None]},
            ),
            "7c6572c7bcf7d14a94dfac28167276ea",
        ),
    ],
)
def test_schedules_without_newer_options_keep_the_fingerprint_that_stands_in_temporal(
    enabled: bool, config: ScheduleConfig, fingerprint: str
) -> None:
    """Written down from the first release: another one would be an update of every schedule there is."""
    assert desired(enabled=enabled, config=config).note.endswith(f" {fingerprint}")


def test_an_instant_is_the_same_however_it_is_written() -> None:
    def fingerprint(start: datetime, end: datetime) -> str:
        config = ScheduleConfig(cron_expression="0 9 * * *", start_at=start, end_at=end)
        return desired(config=config).note

    berlin = timezone(timedelta(hours=1))
    later = AT + timedelta(days=1)
    assert fingerprint(AT, later) == fingerprint(AT.astimezone(berlin), later.astimezone(berlin))


def test_instants_at_the_ends_of_the_calendar_do_not_fail() -> None:
    first = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=5)))
    last = datetime(9999, 12, 31, 23, 59, tzinfo=timezone(timedelta(hours=-5)))
    wanted = desired(config=ScheduleConfig(cron_expression="0 9 * * *", start_at=first, end_at=last))
    assert wanted.start_at == datetime(1, 1, 1, tzinfo=UTC)
    assert wanted.end_at is not None
    assert wanted.end_at.year == 9999
    assert not wanted.is_over(AT)
