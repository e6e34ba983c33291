"""Temporal's schedules, through its client."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

from temporalio.client import (
    Schedule,
    ScheduleActionExecution,
    ScheduleActionExecutionStartWorkflow,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleCalendarSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleRange,
    ScheduleSpec,
    ScheduleState,
    ScheduleUpdate,
    ScheduleUpdateInput,
)
from temporalio.service import RPCError, RPCStatusCode

from scheduler_sync.domain.desired import DesiredSchedule
from scheduler_sync.domain.live import LiveSchedule, nominal_time
from scheduler_sync.domain.plan import ActualSchedule
from scheduler_sync.ports import ScheduleRefusedError, TemporalAwayError
from trigger_contracts import workflow_io
from trigger_contracts.config import OverlapPolicy
from trigger_cron import Calendar, Range
from trigger_runtime.temporal import TemporalConnection

_PREFIX: Final = "trigger-"
_RPC_TIMEOUT: Final = timedelta(seconds=10)
# Of all tries together: the client tries a call again for up to 10 s, and whoever asks waits for less.
_LIVE_SECONDS: Final = 2.0
_REFUSED: Final = frozenset({RPCStatusCode.INVALID_ARGUMENT, RPCStatusCode.OUT_OF_RANGE})

_OVERLAP: Final = {
    OverlapPolicy.SKIP: ScheduleOverlapPolicy.SKIP,
    OverlapPolicy.BUFFER_ONE: ScheduleOverlapPolicy.BUFFER_ONE,
    OverlapPolicy.BUFFER_ALL: ScheduleOverlapPolicy.BUFFER_ALL,
    OverlapPolicy.CANCEL_OTHER: ScheduleOverlapPolicy.CANCEL_OTHER,
    OverlapPolicy.TERMINATE_OTHER: ScheduleOverlapPolicy.TERMINATE_OTHER,
    OverlapPolicy.ALLOW_ALL: ScheduleOverlapPolicy.ALLOW_ALL,
}


class TemporalSchedules:
    """Knows how a desired schedule is said to Temporal, and how Temporal's answers are read."""

    def __init__(self, temporal: TemporalConnection) -> None:
        self._temporal = temporal

    async def describe(self, schedule_id: str) -> ActualSchedule | None:
        """Return a schedule as it is now, from the schedule itself."""
        handle = self._temporal.client.get_schedule_handle(schedule_id)
        try:
            with _temporal_errors():
                found = await handle.describe(rpc_timeout=_RPC_TIMEOUT)
        except _GoneError:
            return None
        return ActualSchedule(
            schedule_id=schedule_id,
            note=found.schedule.state.note,
            paused=found.schedule.state.paused,
            next_fire_times=tuple(found.info.next_action_times),
        )

    async def live(self, schedule_id: str) -> LiveSchedule | None:
        """Return what a schedule does now, and did of late."""
        handle = self._temporal.client.get_schedule_handle(schedule_id)
        try:
            with _temporal_errors():
                async with asyncio.timeout(_LIVE_SECONDS):
                    found = await handle.describe(rpc_timeout=_RPC_TIMEOUT)
        except _GoneError:
            return None
        except TimeoutError as error:
            raise TemporalAwayError(f"no answer within {_LIVE_SECONDS:g} s") from error
        return LiveSchedule(
            paused=found.schedule.state.paused,
            next_fire_times=tuple(found.info.next_action_times),
            # In the order of their starts, which a backfill's nominal times do not have.
            recent_fire_times=tuple(
                sorted(
                    nominal_time(_workflow_id(recent.action), scheduled_at=recent.scheduled_at)
                    for recent in found.info.recent_actions
                )
            ),
            running_workflow_ids=tuple(_workflow_id(running) for running in found.info.running_actions),
        )

    async def create(self, desired: DesiredSchedule) -> None:
        """Create."""
        try:
            with _temporal_errors():
                await self._temporal.client.create_schedule(
                    desired.schedule_id, _schedule(desired), rpc_timeout=_RPC_TIMEOUT
                )
        except ScheduleAlreadyRunningError as error:
            # Another replica was faster; the next look finds what it made.
            raise TemporalAwayError("the schedule exists by now") from error

    async def update(self, desired: DesiredSchedule) -> None:
        """Replace the whole schedule."""

        def replace(_: ScheduleUpdateInput) -> ScheduleUpdate:
            return ScheduleUpdate(schedule=_schedule(desired))

        handle = self._temporal.client.get_schedule_handle(desired.schedule_id)
        try:
            with _temporal_errors():
                await handle.update(replace, rpc_timeout=_RPC_TIMEOUT)
        except _GoneError as error:
            raise TemporalAwayError("the schedule is gone by now") from error

    async def delete(self, schedule_id: str) -> None:
        """Delete; one that is gone already is a success."""
        handle = self._temporal.client.get_schedule_handle(schedule_id)
        try:
            with _temporal_errors():
                await handle.delete(rpc_timeout=_RPC_TIMEOUT)
        except _GoneError:
            return

    async def all(self) -> AsyncIterator[ActualSchedule]:
        """List every schedule under our prefix."""
        with _temporal_errors():
            async for entry in await self._temporal.client.list_schedules(page_size=1000):
                if not entry.id.startswith(_PREFIX) or entry.schedule is None:
                    continue
                yield ActualSchedule(
                    schedule_id=entry.id,
                    note=entry.schedule.state.note,
                    paused=entry.schedule.state.paused,
                    next_fire_times=tuple(entry.info.next_action_times) if entry.info else (),
                )


class _GoneError(Exception):
    pass


@contextmanager
def _temporal_errors() -> Iterator[None]:
    try:
        yield
    except RPCError as error:
        if error.status in _REFUSED:
            raise ScheduleRefusedError(error.message) from error
        # A namespace that is missing is NOT_FOUND as well, and says so; it is an operator's to make.
        if error.status is RPCStatusCode.NOT_FOUND and "namespace" not in error.message.lower():
            raise _GoneError from error
        raise TemporalAwayError(f"{error.status.name}: {error.message}") from error
    except RuntimeError as error:
        # What the client raises where its first connection fails.
        raise TemporalAwayError(str(error)) from error


def _schedule(desired: DesiredSchedule) -> Schedule:
    return Schedule(
        action=ScheduleActionStartWorkflow(
            workflow_io.TRIGGERED_WORKFLOW,
            desired.input,
            id=workflow_io.scheduled_workflow_id(desired.trigger_id),
            task_queue=workflow_io.TASK_QUEUE,
            static_summary=desired.input.trigger_name,
        ),
        spec=ScheduleSpec(
            calendars=[_calendar(calendar) for calendar in desired.calendars],
            time_zone_name=desired.timezone,
            jitter=timedelta(seconds=desired.jitter_seconds) if desired.jitter_seconds else None,
            start_at=desired.start_at,
            end_at=desired.end_at,
        ),
        policy=SchedulePolicy(
            overlap=_OVERLAP[desired.overlap],
            catchup_window=timedelta(seconds=desired.catchup_window_seconds),
        ),
        state=ScheduleState(note=desired.note, paused=desired.paused),
    )


def _workflow_id(run: ScheduleActionExecution) -> str:
    # Ours start workflows, and there is no other kind; the client's type leaves room for one.
    return run.workflow_id if isinstance(run, ScheduleActionExecutionStartWorkflow) else ""


def _calendar(calendar: Calendar) -> ScheduleCalendarSpec:
    return ScheduleCalendarSpec(
        second=_ranges(calendar.second),
        minute=_ranges(calendar.minute),
        hour=_ranges(calendar.hour),
        day_of_month=_ranges(calendar.day_of_month),
        month=_ranges(calendar.month),
        day_of_week=_ranges(calendar.day_of_week),
    )


def _ranges(ranges: tuple[Range, ...]) -> list[ScheduleRange]:
    return [ScheduleRange(start=item.start, end=item.end, step=item.step) for item in ranges]
