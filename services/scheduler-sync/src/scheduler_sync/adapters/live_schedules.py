"""Temporal, for a caller who waits."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

from temporalio.api.enums.v1 import ScheduleOverlapPolicy
from temporalio.api.schedule.v1 import BackfillRequest, SchedulePatch
from temporalio.api.workflowservice.v1 import PatchScheduleRequest
from temporalio.client import ScheduleActionExecution, ScheduleActionExecutionStartWorkflow
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError

from scheduler_sync.adapters.temporal_errors import GoneError, readable, temporal_errors
from scheduler_sync.adapters.temporal_mapping import OVERLAP, dropped_fires
from scheduler_sync.domain.live import LiveSchedule, nominal_time
from scheduler_sync.ports import ScheduleMissingError, TemporalUnavailableError
from trigger_contracts import workflow_io
from trigger_contracts.config import OverlapPolicy
from trigger_contracts.workflow_io import TriggeredInput
from trigger_runtime.temporal import TemporalConnection

_RPC_TIMEOUT: Final = timedelta(seconds=10)
# Of all tries together: the client tries a call again for up to 10 s, and a caller waits for less.
_LIVE_SECONDS: Final = 2.0


class TemporalLiveSchedules:
    """Implements ``ports.LiveSchedules``."""

    def __init__(self, temporal: TemporalConnection) -> None:
        self._temporal = temporal

    async def live(self, schedule_id: str) -> LiveSchedule | None:
        handle = self._temporal.client.get_schedule_handle(schedule_id)
        try:
            async with _deadline():
                with readable():
                    description = await handle.describe(rpc_timeout=_RPC_TIMEOUT)
        except GoneError:
            return None
        return LiveSchedule(
            note=description.schedule.state.note,
            paused=description.schedule.state.paused,
            next_fire_times=tuple(description.info.next_action_times),
            # In the order of their starts, which a backfill's nominal times do not have.
            recent_fire_times=tuple(
                sorted(
                    nominal_time(_workflow_id(recent.action), scheduled_at=recent.scheduled_at)
                    for recent in description.info.recent_actions
                )
            ),
            running_workflow_ids=tuple(_workflow_id(running) for running in description.info.running_actions),
            dropped_fires=dropped_fires(description),
        )

    async def start(self, start: TriggeredInput) -> str:
        if start.run is None:
            raise ValueError("a run without an execution id")
        options = workflow_io.start_options(start)
        try:
            async with _deadline():
                await self._temporal.client.start_workflow(
                    options.workflow,
                    start,
                    id=options.id,
                    task_queue=options.task_queue,
                    id_reuse_policy=WorkflowIDReusePolicy[options.id_reuse_policy],
                    id_conflict_policy=WorkflowIDConflictPolicy[options.id_conflict_policy],
                    static_summary=options.static_summary,
                    memo=options.memo,
                    rpc_timeout=_RPC_TIMEOUT,
                )
        except WorkflowAlreadyStartedError:
            return options.id
        except GoneError as error:
            # A namespace that is not there yet.
            raise TemporalUnavailableError("the workflow cannot be started now") from error
        return options.id

    async def backfill(
        self,
        schedule_id: str,
        *,
        start_at: datetime,
        end_at: datetime,
        overlap: OverlapPolicy,
        request_id: UUID | None,
    ) -> None:
        """Request a backfill; from then on Temporal does it by itself.

        The server applies a patch once for each request id; the client's own ``backfill`` makes a new id for
        each call. It remembers the ids until the own workflow of the schedule continues as new, after some
        hundreds of actions.
        """
        client = self._temporal.client
        backfill = BackfillRequest(overlap_policy=ScheduleOverlapPolicy.ValueType(int(OVERLAP[overlap])))
        backfill.start_time.FromDatetime(start_at)
        backfill.end_time.FromDatetime(end_at)
        request = PatchScheduleRequest(
            namespace=client.namespace,
            schedule_id=schedule_id,
            patch=SchedulePatch(backfill_request=[backfill]),
            identity=client.identity,
            request_id=str(request_id or uuid4()),
        )
        try:
            async with _deadline():
                await client.workflow_service.patch_schedule(request, retry=True, timeout=_RPC_TIMEOUT)
        except GoneError as error:
            raise ScheduleMissingError(schedule_id) from error


@asynccontextmanager
async def _deadline() -> AsyncIterator[None]:
    try:
        with temporal_errors():
            async with asyncio.timeout(_LIVE_SECONDS):
                yield
    except TimeoutError as error:
        raise TemporalUnavailableError(f"no answer within {_LIVE_SECONDS:g} s") from error


def _workflow_id(run: ScheduleActionExecution) -> str:
    # Every action of a schedule starts a workflow; the client's type leaves room for another kind.
    return run.workflow_id if isinstance(run, ScheduleActionExecutionStartWorkflow) else ""
