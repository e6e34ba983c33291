"""Temporal, for somebody who waits for the answer."""

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
from scheduler_sync.adapters.temporal_words import OVERLAP, summary
from scheduler_sync.domain.live import LiveSchedule, nominal_time
from scheduler_sync.ports import ScheduleMissingError, TemporalAwayError
from trigger_contracts import workflow_io
from trigger_contracts.config import OverlapPolicy
from trigger_contracts.workflow_io import TriggeredInput
from trigger_runtime.temporal import TemporalConnection

_RPC_TIMEOUT: Final = timedelta(seconds=10)
# Of all tries together: the client tries a call again for up to 10 s, and whoever asks waits for less.
_LIVE_SECONDS: Final = 2.0


class TemporalLiveSchedules:
    """Implements ``ports.LiveSchedules``."""

    def __init__(self, temporal: TemporalConnection) -> None:
        self._temporal = temporal

    async def live(self, schedule_id: str) -> LiveSchedule | None:
        """Return what a schedule does now, and did of late."""
        handle = self._temporal.client.get_schedule_handle(schedule_id)
        try:
            async with _in_time():
                with readable():
                    found = await handle.describe(rpc_timeout=_RPC_TIMEOUT)
        except GoneError:
            return None
        return LiveSchedule(
            note=found.schedule.state.note,
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

    async def start(self, given: TriggeredInput) -> str:
        """Start a run as the dispatcher does it: an execution id is started once."""
        if given.run is None:
            raise ValueError("a run without an execution id")
        workflow_id = workflow_io.execution_workflow_id(given.run.execution_id)
        try:
            async with _in_time():
                await self._temporal.client.start_workflow(
                    workflow_io.TRIGGERED_WORKFLOW,
                    given,
                    id=workflow_id,
                    task_queue=workflow_io.TASK_QUEUE,
                    id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                    id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
                    static_summary=summary(given.trigger_name),
                    memo={
                        "executionId": str(given.run.execution_id),
                        "triggerId": str(given.trigger_id),
                        "triggerName": given.trigger_name,
                    },
                    rpc_timeout=_RPC_TIMEOUT,
                )
        except WorkflowAlreadyStartedError:
            return workflow_id
        except GoneError as error:
            # A namespace that is not there yet.
            raise TemporalAwayError("the workflow cannot be started now") from error
        return workflow_id

    async def backfill(
        self,
        schedule_id: str,
        *,
        start_at: datetime,
        end_at: datetime,
        overlap: OverlapPolicy,
        request_id: UUID | None,
    ) -> None:
        """Ask for a backfill; Temporal does it from then on by itself.

        Its server does a patch with a request id that it has seen once; the client's own ``backfill`` makes a
        new id for each call. It remembers for as long as the schedule's own workflow runs on: until that
        begins anew, after some hundreds of actions.
        """
        client = self._temporal.client
        wanted = BackfillRequest(overlap_policy=ScheduleOverlapPolicy.ValueType(int(OVERLAP[overlap])))
        wanted.start_time.FromDatetime(start_at)
        wanted.end_time.FromDatetime(end_at)
        asked = PatchScheduleRequest(
            namespace=client.namespace,
            schedule_id=schedule_id,
            patch=SchedulePatch(backfill_request=[wanted]),
            identity=client.identity,
            request_id=str(request_id or uuid4()),
        )
        try:
            async with _in_time():
                await client.workflow_service.patch_schedule(asked, retry=True, timeout=_RPC_TIMEOUT)
        except GoneError as error:
            raise ScheduleMissingError(schedule_id) from error


@asynccontextmanager
async def _in_time() -> AsyncIterator[None]:
    try:
        with temporal_errors():
            async with asyncio.timeout(_LIVE_SECONDS):
                yield
    except TimeoutError as error:
        raise TemporalAwayError(f"no answer within {_LIVE_SECONDS:g} s") from error


def _workflow_id(run: ScheduleActionExecution) -> str:
    # Ours start workflows, and there is no other kind; the client's type leaves room for one.
    return run.workflow_id if isinstance(run, ScheduleActionExecutionStartWorkflow) else ""
