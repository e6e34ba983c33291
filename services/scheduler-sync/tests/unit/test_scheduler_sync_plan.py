"""The plan is the whole decision; the fingerprint is what makes it cheap."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import msgspec
import pytest

from scheduler_sync.domain.desired import DesiredSchedule, UncompilableError, desired_schedule
from scheduler_sync.domain.plan import ActualSchedule, Create, Delete, Pause, Resume, Step, Update, plan
from trigger_contracts.config import DstPolicy, ManualConfig, OverlapPolicy, ScheduleConfig, TriggerState

AT = datetime(2026, 1, 1, tzinfo=UTC)
ID = f"trigger-{UUID(int=1)}"
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
    values = {"note": schedule.target.note, "paused": schedule.paused, **changes}
    return ActualSchedule(schedule_id=schedule.schedule_id, next_fire_times=(), **values)


def step(wanted: DesiredSchedule | None, *, found: ActualSchedule | None, now: datetime = AT) -> Step | None:
    """Return what one schedule needs."""
    target = None if wanted is None else wanted.target
    steps = plan({ID: target}, actual={} if found is None else {ID: found}, now=now)
    assert len(steps) <= 1
    return steps[0] if steps else None


def test_each_case_has_its_step() -> None:
    wanted, paused = desired(), desired(enabled=False)
    assert step(None, found=None) is None
    assert step(wanted, found=None) == Create(ID)
    assert step(paused, found=None) == Create(ID)
    assert step(None, found=actual(wanted)) == Delete(ID)
    assert step(wanted, found=actual(wanted)) is None
    assert step(wanted, found=actual(wanted, note="by hand")) == Update(ID)
    assert step(wanted, found=actual(desired(name="Other"))) == Update(ID)
    assert step(paused, found=actual(desired(name="Other"))) == Update(ID)


def test_what_differs_in_being_paused_alone_is_paused_or_resumed() -> None:
    wanted, paused = desired(), desired(enabled=False)
    assert step(paused, found=actual(wanted)) == Pause(ID)
    assert step(wanted, found=actual(paused)) == Resume(ID)
    # By hand, with the note left as it was, or with half of the work done.
    assert step(wanted, found=actual(wanted, paused=True)) == Resume(ID)
    assert step(paused, found=actual(paused, paused=False)) == Pause(ID)
    assert step(paused, found=actual(wanted, paused=True)) == Pause(ID)
    # By hand, as Temporal's interface does it: nobody knows what else was changed.
    assert step(wanted, found=actual(wanted, paused=True, note="by hand")) == Update(ID)


def test_what_nothing_is_known_of_is_left_alone() -> None:
    assert plan({}, actual={ID: actual(desired())}, now=AT) == []


def test_a_plan_of_several() -> None:
    first, second, third = (desired(id=UUID(int=number)) for number in (11, 12, 13))
    wanted = {one.schedule_id: one.target for one in (first, second)}
    steps = plan(
        {**wanted, third.schedule_id: None},
        actual={one.schedule_id: actual(one) for one in (second, third)},
        now=AT,
    )
    assert steps == [Create(first.schedule_id), Delete(third.schedule_id)]


def test_a_schedule_whose_end_has_passed_is_made_equal_once_and_never_made_again() -> None:
    end = AT + timedelta(days=1)
    wanted = desired(config=ScheduleConfig(cron_expression="0 9 * * *", end_at=end))
    after = end + timedelta(microseconds=1)
    assert step(wanted, found=None, now=end) == Create(ID), "what fires at the end still fires"
    assert step(wanted, found=None, now=after) is None
    assert step(wanted, found=actual(desired()), now=after) == Update(ID), "it might fire for ever"
    assert step(wanted, found=actual(wanted), now=after) is None
    assert step(None, found=actual(wanted), now=after) == Delete(ID)
    for config in (
        ScheduleConfig(cron_expression="0 9 * * *"),
        ScheduleConfig(cron_expression="0 9 * * *", start_at=end),
    ):
        assert isinstance(step(desired(config=config), found=None, now=after), Create)


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        (ScheduleConfig(cron_expression="0 9 * *"), "five fields are needed"),
        (ScheduleConfig(cron_expression="@daily", additional_expressions=("@noon",)), "'@noon' is unknown"),
        (
            ScheduleConfig(
                cron_expression="30 1 * * *", timezone="America/New_York", dst_policy=DstPolicy.SHIFT
            ),
            "01:30 comes twice when the clock of America",
        ),
        (
            ScheduleConfig(cron_expression="@daily", timezone="Mars/Base", dst_policy=DstPolicy.SHIFT),
            "unknown time zone 'Mars/Base'",
        ),
        (
            ScheduleConfig(cron_expression="@daily", timezone="../etc", dst_policy=DstPolicy.SHIFT),
            "unknown time zone '../etc'",
        ),
    ],
)
def test_what_no_schedule_can_be_made_of_says_why(config: ScheduleConfig, reason: str) -> None:
    with pytest.raises(UncompilableError, match=reason):
        desired(config=config)


def test_the_policy_shift_is_in_the_calendars() -> None:
    literal = ScheduleConfig(cron_expression="30 2 * * *", timezone="America/New_York")
    shifted = msgspec.structs.replace(literal, dst_policy=DstPolicy.SHIFT)
    assert len(desired(config=literal).calendars) == 1
    assert len(desired(config=shifted).calendars) == 8
    assert desired(config=literal).fingerprint != desired(config=shifted).fingerprint


def test_the_fingerprint_tells_what_matters_and_only_that() -> None:
    note = desired().fingerprint
    assert desired(version=9, updated_at=datetime(2027, 1, 1, tzinfo=UTC)).fingerprint == note
    assert desired(config=ScheduleConfig(cron_expression="00 09 * * *")).fingerprint == note
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
        desired(config=ScheduleConfig(cron_expression="0 9 * * *", additional_expressions=("5 9 * * *",))),
        desired(config=ScheduleConfig(cron_expression="0 9 * * *", excluded_dates=(AT.date(),))),
        desired(config=ScheduleConfig(cron_expression="0 9 L * *")),
    ]
    assert len({note, *(other.fingerprint for other in others)}) == len(others) + 1


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
    assert desired(enabled=enabled, config=config).target.note.endswith(f" {fingerprint}")


def test_an_instant_is_the_same_however_it_is_written() -> None:
    def fingerprint(start: datetime, end: datetime) -> str:
        config = ScheduleConfig(cron_expression="0 9 * * *", start_at=start, end_at=end)
        return desired(config=config).fingerprint

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
    assert not wanted.target.is_over(AT)
