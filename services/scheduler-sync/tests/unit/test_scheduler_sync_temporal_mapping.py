"""What is sent to Temporal, field by field: a change here changes every schedule that was written before."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from temporalio.client import (
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleCalendarSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleRange,
    ScheduleSpec,
    ScheduleState,
)

from scheduler_sync.adapters.temporal_mapping import to_temporal
from scheduler_sync.domain.desired import desired_schedule
from trigger_contracts.config import OverlapPolicy, ScheduleConfig, TriggerState, TriggerType
from trigger_contracts.workflow_io import ScheduledRun, TriggeredInput

AT = datetime(2026, 1, 1, tzinfo=UTC)
NOTE = "Kept equal to its trigger by scheduler-sync; changes here are undone. Fingerprint "


def ranges(*values: int) -> list[ScheduleRange]:
    return [ScheduleRange(start=value, end=value, step=1) for value in values]


def every(first: int, last: int) -> list[ScheduleRange]:
    return [ScheduleRange(start=first, end=last, step=1)]


def at_nine(*, day_of_month: list[ScheduleRange], day_of_week: list[ScheduleRange]) -> ScheduleCalendarSpec:
    return ScheduleCalendarSpec(
        second=ranges(0),
        minute=ranges(0),
        hour=ranges(9),
        day_of_month=day_of_month,
        month=every(1, 12),
        day_of_week=day_of_week,
        year=[],
    )


def test_a_schedule_with_every_option_is_sent_as_in_the_first_release() -> None:
    desired = desired_schedule(
        TriggerState(
            id=UUID(int=1),
            workspace="acme",
            workflow_id=UUID(int=2),
            name="Daily\n report",
            enabled=False,
            config=ScheduleConfig(
                cron_expression="0 9 13 * FRI",
                timezone="Europe/Berlin",
                overlap_policy=OverlapPolicy.SKIP,
                catchup_window_seconds=3600,
                jitter_seconds=30,
                start_at=AT,
                end_at=AT + timedelta(days=30),
                input={"a": [1, None]},
                excluded_dates=(date(2026, 12, 25),),
            ),
            version=1,
            created_at=AT,
            updated_at=AT,
        )
    )
    assert desired is not None
    assert to_temporal(desired) == Schedule(
        action=ScheduleActionStartWorkflow(
            "triggeredWorkflow",
            TriggeredInput(
                workspace="acme",
                trigger_id=UUID(int=1),
                trigger_type=TriggerType.SCHEDULE,
                trigger_name="Daily\n report",
                workflow_id=UUID(int=2),
                scheduled=ScheduledRun(input={"a": [1, None]}),
            ),
            id="scheduled-00000000-0000-0000-0000-000000000001",
            task_queue="flowmaestro-orchestrator",
            static_summary="Daily report",
        ),
        spec=ScheduleSpec(
            calendars=[
                at_nine(day_of_month=ranges(13), day_of_week=every(0, 6)),
                at_nine(day_of_month=every(1, 31), day_of_week=ranges(5)),
            ],
            skip=[
                ScheduleCalendarSpec(
                    second=every(0, 59),
                    minute=every(0, 59),
                    hour=every(0, 23),
                    day_of_month=ranges(25),
                    month=ranges(12),
                    day_of_week=every(0, 6),
                    year=ranges(2026),
                )
            ],
            time_zone_name="Europe/Berlin",
            jitter=timedelta(seconds=30),
            start_at=AT,
            end_at=AT + timedelta(days=30),
        ),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=timedelta(hours=1)),
        state=ScheduleState(note=NOTE + "aa53b3c3a936d24a5c3825cdb57309da", paused=True),
    )
