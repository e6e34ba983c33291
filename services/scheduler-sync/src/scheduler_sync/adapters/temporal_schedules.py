"""Temporal's schedules, through its client."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, timedelta
from typing import Final

import structlog
from temporalio.api.schedule.v1 import ScheduleListEntry
from temporalio.api.workflowservice.v1 import ListSchedulesRequest
from temporalio.client import Schedule, ScheduleAlreadyRunningError, ScheduleUpdate, ScheduleUpdateInput

from scheduler_sync.adapters.temporal_diff import is_equivalent
from scheduler_sync.adapters.temporal_errors import (
    GoneError,
    UnreadableScheduleError,
    readable,
    temporal_errors,
)
from scheduler_sync.adapters.temporal_mapping import dropped_fires, to_temporal
from scheduler_sync.domain.desired import DesiredSchedule
from scheduler_sync.domain.plan import ActualSchedule
from scheduler_sync.ports import ScheduleExistsError, TemporalUnavailableError
from trigger_runtime.temporal import TemporalConnection

log = structlog.stdlib.get_logger(__name__)

_PREFIX: Final = "trigger-"
_RPC_TIMEOUT: Final = timedelta(seconds=10)
_PAGE: Final = 1000
CONCURRENCY: Final = 16
"""Calls under way, of messages and of the comparison together: more would only queue up in Temporal."""


class TemporalSchedules:
    """Implements ``ports.Schedules``."""

    def __init__(self, temporal: TemporalConnection) -> None:
        self._temporal = temporal
        self._slots = asyncio.Semaphore(CONCURRENCY)

    async def describe(
        self, schedule_id: str, *, expected: DesiredSchedule | None = None
    ) -> ActualSchedule | None:
        """Return a schedule as it is now. One that cannot be read counts as edited by hand."""
        handle = self._temporal.client.get_schedule_handle(schedule_id)
        try:
            async with self._call():
                with readable():
                    description = await handle.describe(rpc_timeout=_RPC_TIMEOUT)
        except GoneError:
            return None
        except UnreadableScheduleError as error:
            log.warning("schedule unreadable", schedule_id=schedule_id, reason=str(error))
            return ActualSchedule(
                schedule_id=schedule_id, note=None, paused=False, next_fire_times=(), edited_by_hand=True
            )
        return ActualSchedule(
            schedule_id=schedule_id,
            note=description.schedule.state.note,
            paused=description.schedule.state.paused,
            next_fire_times=tuple(description.info.next_action_times),
            edited_by_hand=_is_edited(description.schedule, expected=expected),
            dropped_fires=dropped_fires(description),
        )

    async def create(self, desired: DesiredSchedule) -> None:
        try:
            async with self._call():
                await self._temporal.client.create_schedule(
                    desired.schedule_id, to_temporal(desired), rpc_timeout=_RPC_TIMEOUT
                )
        except ScheduleAlreadyRunningError as error:
            raise ScheduleExistsError("the schedule exists by now") from error

    async def update(self, desired: DesiredSchedule) -> None:
        """Replace the whole schedule; one that the client cannot read is created again."""
        # Built before anything is read: an error here says nothing about what Temporal has.
        update = ScheduleUpdate(schedule=to_temporal(desired))

        def replace(_: ScheduleUpdateInput) -> ScheduleUpdate:
            return update

        handle = self._temporal.client.get_schedule_handle(desired.schedule_id)
        try:
            async with self._call_on_existing():
                with readable():
                    await handle.update(replace, rpc_timeout=_RPC_TIMEOUT)
        except UnreadableScheduleError:
            await self.delete(desired.schedule_id)
            await self.create(desired)

    async def pause(self, schedule_id: str, *, note: str) -> None:
        async with self._call_on_existing():
            handle = self._temporal.client.get_schedule_handle(schedule_id)
            await handle.pause(note=note, rpc_timeout=_RPC_TIMEOUT)

    async def resume(self, schedule_id: str, *, note: str) -> None:
        async with self._call_on_existing():
            handle = self._temporal.client.get_schedule_handle(schedule_id)
            await handle.unpause(note=note, rpc_timeout=_RPC_TIMEOUT)

    async def delete(self, schedule_id: str) -> bool:
        handle = self._temporal.client.get_schedule_handle(schedule_id)
        try:
            async with self._call():
                await handle.delete(rpc_timeout=_RPC_TIMEOUT)
        except GoneError:
            return False
        return True

    @asynccontextmanager
    async def _call(self) -> AsyncIterator[None]:
        async with self._slots:
            with temporal_errors():
                yield

    @asynccontextmanager
    async def _call_on_existing(self) -> AsyncIterator[None]:
        try:
            async with self._call():
                yield
        except GoneError as error:
            raise TemporalUnavailableError("the schedule is gone by now") from error

    async def all(self) -> AsyncIterator[ActualSchedule]:
        # Not by the client's own iterator: that decodes all of each entry, so that one which it cannot decode
        # would hide all others, and sets no deadline.
        token = b""
        while True:
            with temporal_errors():
                client = self._temporal.client
                page = await client.workflow_service.list_schedules(
                    ListSchedulesRequest(
                        namespace=client.namespace, maximum_page_size=_PAGE, next_page_token=token
                    ),
                    retry=True,
                    timeout=_RPC_TIMEOUT,
                )
            for entry in page.schedules:
                if entry.schedule_id.startswith(_PREFIX) and entry.HasField("info"):
                    yield _listed(entry)
            if not (token := page.next_page_token):
                return


def _listed(entry: ScheduleListEntry) -> ActualSchedule:
    return ActualSchedule(
        schedule_id=entry.schedule_id,
        note=entry.info.notes or None,
        paused=entry.info.paused,
        next_fire_times=tuple(time.ToDatetime(tzinfo=UTC) for time in entry.info.future_action_times),
    )


def _is_edited(actual: Schedule, *, expected: DesiredSchedule | None) -> bool:
    """Tell whether a schedule with the note of ``expected`` is another one all the same."""
    return (
        expected is not None
        and expected.target.is_named_by(actual.state.note)
        and not is_equivalent(actual, to_temporal(expected))
    )
