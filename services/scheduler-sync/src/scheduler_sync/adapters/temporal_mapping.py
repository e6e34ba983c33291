"""A desired schedule as Temporal's client takes it."""

from datetime import timedelta
from typing import Final

from temporalio.client import (
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleCalendarSpec,
    ScheduleDescription,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleRange,
    ScheduleSpec,
    ScheduleState,
)

from scheduler_sync.domain.desired import DesiredSchedule
from trigger_contracts import workflow_io
from trigger_contracts.config import OverlapPolicy
from trigger_contracts.schedule_requests import DroppedFires
from trigger_cron import Calendar, Range

OVERLAP: Final = {
    OverlapPolicy.SKIP: ScheduleOverlapPolicy.SKIP,
    OverlapPolicy.BUFFER_ONE: ScheduleOverlapPolicy.BUFFER_ONE,
    OverlapPolicy.BUFFER_ALL: ScheduleOverlapPolicy.BUFFER_ALL,
    OverlapPolicy.CANCEL_OTHER: ScheduleOverlapPolicy.CANCEL_OTHER,
    OverlapPolicy.TERMINATE_OTHER: ScheduleOverlapPolicy.TERMINATE_OTHER,
    OverlapPolicy.ALLOW_ALL: ScheduleOverlapPolicy.ALLOW_ALL,
}


def to_temporal(desired: DesiredSchedule) -> Schedule:
    """Return Temporal's schedule."""
    options = workflow_io.start_options(desired.input)
    return Schedule(
        action=ScheduleActionStartWorkflow(
            options.workflow,
            desired.input,
            id=options.id,
            task_queue=options.task_queue,
            static_summary=options.static_summary,
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


def dropped_fires(description: ScheduleDescription) -> DroppedFires:
    """Return Temporal's counts; the client has no field for the third."""
    info = description.raw_description.info
    return DroppedFires(
        missed_catchup_window=info.missed_catchup_window,
        skipped_overlap=info.overlap_skipped,
        buffer_full=info.buffer_dropped,
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
