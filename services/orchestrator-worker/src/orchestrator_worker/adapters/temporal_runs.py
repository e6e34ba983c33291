"""Runs of ``triggeredWorkflow`` as Temporal has them."""

from collections.abc import AsyncIterator, Container, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar
from uuid import UUID

import msgspec
from temporalio.api.common.v1 import Payload
from temporalio.api.errordetails.v1 import NotFoundFailure
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import (
    Client,
    WorkflowExecution,
    WorkflowExecutionStatus,
    WorkflowHandle,
    WorkflowHistoryEventFilterType,
)
from temporalio.common import SearchAttributeKey
from temporalio.service import RPCError, RPCStatusCode

from orchestrator_worker.domain.closed_runs import ClosedRun, Terminated
from orchestrator_worker.ports import OpenRun, TemporalUnavailableError
from orchestrator_worker.workflows.outcome import TIMED_OUT, outcome_raised
from trigger_contracts.executions import ExecutionError
from trigger_contracts.workflow_io import (
    TRIGGERED_WORKFLOW,
    Cancelled,
    Completed,
    OrchestratorResult,
    Outcome,
    TimedOut,
    TriggeredInput,
)
from trigger_runtime.temporal import DATA_CONVERTER, TemporalConnection

T = TypeVar("T")

_DEADLINE: Final = timedelta(seconds=5)
_NOMINAL_TIME: Final = SearchAttributeKey.for_datetime("TemporalScheduledStartTime")
_CLOSED: Final = frozenset(
    {
        WorkflowExecutionStatus.COMPLETED,
        WorkflowExecutionStatus.FAILED,
        WorkflowExecutionStatus.CANCELED,
        WorkflowExecutionStatus.TERMINATED,
        WorkflowExecutionStatus.TIMED_OUT,
    }
)


class TemporalRuns:
    """Implements ``ports.Runs``."""

    def __init__(self, connection: TemporalConnection) -> None:
        self._connection = connection

    async def ended_from_outside(self, *, since: datetime, known: Container[str]) -> AsyncIterator[ClosedRun]:
        """Yield what was terminated or timed out: by visibility, which is tenths of a second behind."""
        query = (
            f"WorkflowType = '{TRIGGERED_WORKFLOW}' AND ExecutionStatus IN ('Terminated', 'TimedOut') "
            f"AND CloseTime >= '{since.isoformat()}'"
        )
        client = self._connection.client
        try:
            async for listed in client.list_workflows(query, rpc_timeout=_DEADLINE):
                if listed.run_id not in known and (run := await _closed(client, run=listed)) is not None:
                    yield run
        except (RPCError, RuntimeError) as error:
            raise TemporalUnavailableError(str(error)[:200]) from error

    async def look_up(self, workflow_id: str, *, run_id: str | None) -> ClosedRun | OpenRun | None:
        """Return a run; ``None`` where Temporal does not know it."""
        client = self._connection.client
        try:
            handle = client.get_workflow_handle(workflow_id, run_id=run_id)
            described = await handle.describe(rpc_timeout=_DEADLINE)
            if described.status not in _CLOSED:
                return OpenRun()
            closed = await _closed(client, run=described)
        except (RPCError, RuntimeError) as error:
            if isinstance(error, RPCError) and _is_unknown(error):
                return None
            raise TemporalUnavailableError(str(error)[:200]) from error
        if closed is None:
            raise TemporalUnavailableError(f"workflow {workflow_id[:100]!r} is not one of this service")
        return closed


def _is_unknown(error: RPCError) -> bool:
    """Tell whether it is the run that is not there: a missing namespace has the same status."""
    if error.status is not RPCStatusCode.NOT_FOUND:
        return False
    return any(detail.Is(NotFoundFailure.DESCRIPTOR) for detail in error.grpc_status.details)


async def _closed(client: Client, *, run: WorkflowExecution) -> ClosedRun | None:
    """Return a run with its input; ``None`` where that is not of this contract, or gone already."""
    handle = client.get_workflow_handle(run.id, run_id=run.run_id)
    first = await _event(handle, filter_type=WorkflowHistoryEventFilterType.ALL_EVENT)
    last = await _event(handle, filter_type=WorkflowHistoryEventFilterType.CLOSE_EVENT)
    start, closing = _start(first), None if last is None else await _closing(last)
    if start is None or closing is None or run.close_time is None:
        return None
    memo = await run.memo()
    return ClosedRun(
        start=start,
        workflow_id=run.id,
        run_id=run.run_id,
        closing=closing,
        started_at=run.start_time,
        closed_at=run.close_time,
        nominal_time=run.typed_search_attributes.get(_NOMINAL_TIME),
        execution_id=_uuid(memo.get("executionId")),
    )


def _uuid(text: object) -> UUID | None:
    try:
        return UUID(text) if isinstance(text, str) else None
    except ValueError:
        return None


async def _event(
    handle: WorkflowHandle[Any, Any], *, filter_type: WorkflowHistoryEventFilterType
) -> HistoryEvent | None:
    events = handle.fetch_history_events(page_size=1, event_filter_type=filter_type, rpc_timeout=_DEADLINE)
    async for event in events:
        return event
    return None


def _start(first: HistoryEvent | None) -> TriggeredInput | None:
    if first is None:
        return None
    payloads = first.workflow_execution_started_event_attributes.input.payloads
    start = _decoded(payloads, kind=TriggeredInput)
    return start if start is not None and (start.run or start.scheduled) else None


def _decoded(payloads: Sequence[Payload], *, kind: type[T]) -> T | None:
    """Return the one value; ``None`` where it is not of this contract, as anyone may start workflows."""
    try:
        return msgspec.json.decode(payloads[0].data, type=kind) if payloads else None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


async def _closing(last: HistoryEvent) -> Outcome | Terminated | None:
    match last.WhichOneof("attributes"):
        case "workflow_execution_terminated_event_attributes":
            return Terminated(reason=last.workflow_execution_terminated_event_attributes.reason)
        case "workflow_execution_completed_event_attributes":
            payloads = last.workflow_execution_completed_event_attributes.result.payloads
            result = _decoded(payloads, kind=OrchestratorResult)
            return None if result is None else Completed(outputs=result.outputs)
        case "workflow_execution_failed_event_attributes":
            failure = last.workflow_execution_failed_event_attributes.failure
            return outcome_raised(await DATA_CONVERTER.decode_failure(failure))
        case "workflow_execution_canceled_event_attributes":
            return Cancelled()
        case _:
            message = "Temporal ended the run: its time was over"
            return TimedOut(error=ExecutionError(code=TIMED_OUT, message=message))
