"""``triggeredWorkflow``: one execution from its start to its end, both of them on record."""

import asyncio
from collections.abc import Coroutine
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar
from uuid import UUID

from temporalio import workflow
from temporalio.common import RetryPolicy, SearchAttributeKey
from temporalio.exceptions import ApplicationError, CancelledError, FailureError
from temporalio.workflow import ParentClosePolicy

from orchestrator_worker.domain.starts import execution_of, fired_run
from orchestrator_worker.workflows.outcome import outcome_of
from trigger_contracts.executions import Execution
from trigger_contracts.workflow_io import (
    COMPLETE_TRIGGERED_EXECUTION,
    IDENTIFY_FIRE,
    ORCHESTRATOR_WORKFLOW,
    PREPARE_TRIGGERED_EXECUTION,
    TRIGGERED_WORKFLOW,
    Cancelled,
    Completed,
    CompleteInput,
    Failed,
    FireIdentity,
    IdentifyFireInput,
    OrchestratorInput,
    OrchestratorResult,
    Outcome,
    PreparedExecution,
    PrepareInput,
    TimedOut,
    TriggeredInput,
    TriggeredRun,
    run_memo,
    run_summary,
)

T = TypeVar("T")

_NOMINAL_TIME: Final = SearchAttributeKey.for_datetime("TemporalScheduledStartTime")

_ON_TIME: Final = timedelta(seconds=1)
"""A backfill is asked for when its times are over, and so begins later than that."""
_IDENTIFIED: Final = "late-fires-are-identified"

_ATTEMPT: Final = timedelta(seconds=10)
"""Longer than the bus takes to answer or give up (5 s to read, 2 s to publish). After a crash of the worker
the attempt that was under way keeps the next one waiting so long."""

_RETRIES: Final = RetryPolicy(
    initial_interval=timedelta(seconds=0.5), backoff_coefficient=2.0, maximum_interval=timedelta(seconds=30)
)
"""For ever: an execution that was promised waits for the bus, however long that is away."""


_LONGEST_OUTAGE: Final = timedelta(days=7)
"""The child measures its timeout itself, while it works. Temporal ends one that no worker takes up again."""


@workflow.defn(name=TRIGGERED_WORKFLOW)
class TriggeredWorkflow:
    """Prepare, run the definition as a child, complete; then end as the definition did."""

    @workflow.run
    async def run(self, start: TriggeredInput) -> OrchestratorResult:
        """Return the outputs; fail or be cancelled where the execution did.

        A workflow that returned an object saying that it failed would be "Completed" to Temporal.
        """
        run = await _run_of(start)
        execution = execution_of(start, run=run)
        outcome = await _outcome(execution, run=run)
        await _record(execution, outcome=outcome)
        match outcome:
            case Completed(outputs=outputs):
                return OrchestratorResult(outputs=outputs)
            case Failed(error=error) | TimedOut(error=error):
                raise ApplicationError(error.message, error.node, type=error.code, non_retryable=True)
            case Cancelled():
                raise CancelledError("the execution was cancelled")


async def _run_of(start: TriggeredInput) -> TriggeredRun:
    if start.run is not None:
        return start.run
    if start.scheduled is None:
        raise ApplicationError(
            "the input has neither a run nor a schedule", type="input_invalid", non_retryable=True
        )
    info = workflow.info()
    nominal_time, fired_at = _nominal_time(info), info.workflow_start_time
    backfill = await _backfill_of(start, nominal_time=nominal_time, started_at=fired_at)
    run = fired_run(start, nominal_time=nominal_time, fired_at=fired_at, backfill=backfill)
    workflow.upsert_memo(run_memo(start, execution_id=run.execution_id))
    return run


async def _backfill_of(start: TriggeredInput, *, nominal_time: datetime, started_at: datetime) -> UUID | None:
    """Return the backfill that this run belongs to. A fire on time belongs to none, and asks no one."""
    if started_at - nominal_time < _ON_TIME or not workflow.patched(_IDENTIFIED):
        return None
    task = asyncio.create_task(
        workflow.execute_activity(
            IDENTIFY_FIRE,
            IdentifyFireInput(trigger_id=start.trigger_id, nominal_time=nominal_time, started_at=started_at),
            result_type=FireIdentity,
            start_to_close_timeout=_ATTEMPT,
            retry_policy=_RETRIES,
        )
    )
    try:
        identity: FireIdentity = await asyncio.shield(task)
    except asyncio.CancelledError:
        # Without its identity the end could not be recorded. The next step is cancelled in place of this one.
        await workflow.wait([task])
        identity = task.result()
        if (this := asyncio.current_task()) is not None:
            this.cancel()
    return identity.backfill


def _nominal_time(info: workflow.Info) -> datetime:
    """The time that the schedule was due; a run that a person started by hand has only its own time."""
    return info.typed_search_attributes.get(_NOMINAL_TIME) or info.workflow_start_time


async def _outcome(execution: Execution, *, run: TriggeredRun) -> Outcome:
    try:
        prepared = await _unbroken(
            workflow.execute_activity(
                PREPARE_TRIGGERED_EXECUTION,
                PrepareInput(execution=execution, payload=run.payload, workflow_version=run.workflow_version),
                result_type=PreparedExecution,
                start_to_close_timeout=_ATTEMPT,
                retry_policy=_RETRIES,
            )
        )
        result = await workflow.execute_child_workflow(
            ORCHESTRATOR_WORKFLOW,
            OrchestratorInput(
                execution=execution,
                workflow_version=prepared.workflow_version,
                definition=prepared.definition,
                payload=run.payload,
            ),
            id=f"{workflow.info().workflow_id}-run",
            result_type=OrchestratorResult,
            execution_timeout=timedelta(seconds=prepared.definition.settings.timeout) + _LONGEST_OUTAGE,
            parent_close_policy=ParentClosePolicy.TERMINATE,
            static_summary=run_summary(execution.trigger_name),
        )
    except (FailureError, asyncio.CancelledError) as error:
        return outcome_of(error)
    return Completed(outputs=result.outputs)


async def _record(execution: Execution, *, outcome: Outcome) -> None:
    """Record the end, whatever happens to this workflow meanwhile: what is decided stays decided."""
    try:
        await _unbroken(
            workflow.execute_activity(
                COMPLETE_TRIGGERED_EXECUTION,
                CompleteInput(execution=execution, outcome=outcome),
                start_to_close_timeout=_ATTEMPT,
                retry_policy=_RETRIES,
            )
        )
    except asyncio.CancelledError:
        workflow.logger.info("cancelled after the end was decided")


async def _unbroken(work: Coroutine[Any, Any, T]) -> T:
    """Await an activity that a cancellation must not stop half-way, then raise the cancellation.

    An activity that Temporal cancelled could still be publishing: its fact would come after the end.
    """
    task = asyncio.create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await workflow.wait([task])
        if (error := task.exception()) is not None:
            workflow.logger.info("failed while it was cancelled: %s", error)
        raise
