"""How a desired schedule is said to Temporal."""

from datetime import timedelta
from typing import Final

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

from scheduler_sync.domain.desired import DesiredSchedule
from trigger_contracts import workflow_io
from trigger_contracts.config import OverlapPolicy
from trigger_cron import Calendar, Range

_SUMMARY_BYTES: Final = 200
"""Temporal refuses a start whose summary is over 400 bytes, encoded; those of schedules are cut alike."""

OVERLAP: Final = {
    OverlapPolicy.SKIP: ScheduleOverlapPolicy.SKIP,
    OverlapPolicy.BUFFER_ONE: ScheduleOverlapPolicy.BUFFER_ONE,
    OverlapPolicy.BUFFER_ALL: ScheduleOverlapPolicy.BUFFER_ALL,
    OverlapPolicy.CANCEL_OTHER: ScheduleOverlapPolicy.CANCEL_OTHER,
    OverlapPolicy.TERMINATE_OTHER: ScheduleOverlapPolicy.TERMINATE_OTHER,
    OverlapPolicy.ALLOW_ALL: ScheduleOverlapPolicy.ALLOW_ALL,
}


def summary(trigger_name: str) -> str:
    """Return what Temporal's interface shows of a run, cut to what a start may hold."""
    text = " ".join(trigger_name.split())
    return text.encode()[:_SUMMARY_BYTES].decode(errors="ignore")


def schedule_of(desired: DesiredSchedule) -> Schedule:
    """Return Temporal's schedule."""
    return Schedule(
        action=ScheduleActionStartWorkflow(
            workflow_io.TRIGGERED_WORKFLOW,
            desired.input,
            id=workflow_io.scheduled_workflow_id(desired.trigger_id),
            task_queue=workflow_io.TASK_QUEUE,
            static_summary=summary(desired.input.trigger_name),
        ),
        spec=ScheduleSpec(
            calendars=[_calendar(calendar) for calendar in desired.calendars],
            skip=[_calendar(calendar) for calendar in desired.excluded],
            time_zone_name=desired.timezone,
            jitter=timedelta(seconds=desired.jitter_seconds) if desired.jitter_seconds else None,
            start_at=desired.start_at,
            end_at=desired.end_at,
        ),
        policy=SchedulePolicy(
            overlap=OVERLAP[desired.overlap],
            catchup_window=timedelta(seconds=desired.catchup_window_seconds),
        ),
        state=ScheduleState(note=desired.note, paused=desired.paused),
    )


def _calendar(calendar: Calendar) -> ScheduleCalendarSpec:
    return ScheduleCalendarSpec(
        second=_ranges(calendar.second),
        minute=_ranges(calendar.minute),
        hour=_ranges(calendar.hour),
        day_of_month=_ranges(calendar.day_of_month),
        month=_ranges(calendar.month),
        day_of_week=_ranges(calendar.day_of_week),
        year=_ranges(calendar.year),
    )


def _ranges(ranges: tuple[Range, ...]) -> list[ScheduleRange]:
    return [ScheduleRange(start=item.start, end=item.end, step=item.step) for item in ranges]
