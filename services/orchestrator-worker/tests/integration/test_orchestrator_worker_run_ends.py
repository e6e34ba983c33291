"""Runs that did not record their own end end in the history too, by what Temporal says of them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from temporalio import workflow
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.client import (
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    WorkflowFailureError,
)
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from orchestrator_worker.adapters.temporal_runs import TemporalRuns
from orchestrator_worker.domain.starts import delivery_start
from orchestrator_worker.ports import TemporalUnavailableError
from trigger_contracts import run_states, streams
from trigger_contracts.codec import encode
from trigger_contracts.config import TriggerType
from trigger_contracts.executions import (
    NAME_OF,
    ExecutionCancelled,
    ExecutionCompleted,
    ExecutionError,
    ExecutionFailed,
    ExecutionTerminated,
    ExecutionTimedOut,
)
from trigger_contracts.run_states import DescribeRuns, RecordedRun, RunsDescribed
from trigger_contracts.workflow_io import (
    TASK_QUEUE,
    TRIGGERED_WORKFLOW,
    ScheduledRun,
    TriggeredInput,
    execution_workflow_id,
    scheduled_workflow_id,
)
from trigger_runtime.bus.request_reply import send_request
from trigger_runtime.temporal import TemporalConnection, TemporalSettings

pytestmark = pytest.mark.integration


@workflow.defn(name=TRIGGERED_WORKFLOW)
class Stuck:
    """Never ends by itself."""

    @workflow.run
    async def run(self, _: Any) -> None:
        await workflow.wait_condition(lambda: False)


@workflow.defn(name=TRIGGERED_WORKFLOW)
class Silent:
    """Ends without a word, as a run whose fact was lost."""

    @workflow.run
    async def run(self, start: TriggeredInput) -> dict[str, Any]:
        assert start.run is not None
        if start.run.payload["body"] == {"fail": True}:
            raise ApplicationError("no", "pick", type="template_invalid", non_retryable=True)
        return {"outputs": start.run.payload["body"]}


@asynccontextmanager
async def worker(bench: Any, kind: type) -> AsyncIterator[None]:
    async with Worker(
        await bench.temporal(),
        task_queue=TASK_QUEUE,
        workflows=[kind],
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        yield


async def started(bench: Any, delivery: Any, **options: Any) -> Any:
    return await (await bench.temporal()).start_workflow(
        TRIGGERED_WORKFLOW,
        delivery_start(delivery).make_input(),
        id=execution_workflow_id(delivery.execution_id),
        task_queue=TASK_QUEUE,
        **options,
    )


async def described(bench: Any, *execution_ids: UUID) -> RunsDescribed:
    request = DescribeRuns(runs=tuple(RecordedRun(execution_id=one) for one in execution_ids))
    reply = await send_request(bench.bus, subject=streams.DESCRIBE_RUNS, data=encode(request), timeout=20.0)
    return run_states.REPLIES.decode(reply)


async def test_what_a_person_terminates_ends_as_terminated_with_the_reason(bench: Any) -> None:
    before, during = bench.delivery(await bench.workflow()), bench.delivery(await bench.workflow())
    # One while no worker is there, and before its first task.
    await (await started(bench, before)).terminate(reason="no longer needed")
    async with bench.serving() as settings:
        end = await bench.end(before.execution_id)
        assert isinstance(end, ExecutionTerminated)
        assert isinstance(end.error, ExecutionError)
        assert (end.error.code, end.error.message) == ("terminated", "no longer needed")
        assert end.execution.workspace == "acme"
        assert end.execution.cause.id == str(before.id)
        # What other tests terminated counts too.
        assert await bench.metric(settings, name='executions_concluded_total{how="terminated"}')
    async with worker(bench, Stuck):
        handle = await started(bench, during)
        await bench.eventually(lambda: has_begun(handle))
        await handle.terminate(reason="x" * 900)
    async with bench.serving():
        later = await bench.end(during.execution_id)
    assert isinstance(later, ExecutionTerminated)
    assert isinstance(later.error, ExecutionError)
    assert later.error.message == "x" * 900


async def has_begun(handle: Any) -> bool:
    events = (await handle.fetch_history()).events
    return any(event.HasField("workflow_task_completed_event_attributes") for event in events)


async def test_a_run_that_is_not_of_this_service_hides_no_other(bench: Any) -> None:
    client = await bench.temporal()
    for number, given in enumerate([[], ["text"], [{"workspace": "acme"}], [b"\xff"]]):
        name = f"by-hand-{uuid4()}-{number}"
        handle = await client.start_workflow(TRIGGERED_WORKFLOW, args=given, id=name, task_queue=TASK_QUEUE)
        await handle.terminate()
    delivery = bench.delivery(await bench.workflow())
    await (await started(bench, delivery)).terminate()
    async with bench.serving():
        assert isinstance(await bench.end(delivery.execution_id), ExecutionTerminated)


async def test_what_temporal_times_out_ends_as_timed_out(bench: Any) -> None:
    delivery = bench.delivery(await bench.workflow())
    handle = await started(bench, delivery, execution_timeout=timedelta(seconds=1))
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    async with bench.serving():
        end = await bench.end(delivery.execution_id)
    assert isinstance(end, ExecutionTimedOut)
    assert end.at == (await handle.describe()).close_time


async def scheduled(bench: Any, **policy: Any) -> tuple[UUID, Any]:
    """Return a trigger's id and its schedule, which fires when it is asked to."""
    trigger_id, workflow_id = uuid4(), await bench.workflow()
    start = TriggeredInput(
        workspace="acme",
        trigger_id=trigger_id,
        trigger_type=TriggerType.SCHEDULE,
        trigger_name="Each minute",
        workflow_id=workflow_id,
        scheduled=ScheduledRun(),
    )
    action = ScheduleActionStartWorkflow(
        TRIGGERED_WORKFLOW, start, id=scheduled_workflow_id(trigger_id), task_queue=TASK_QUEUE
    )
    handle = await (await bench.temporal()).create_schedule(
        f"trigger-{trigger_id}",
        Schedule(action=action, spec=ScheduleSpec(), policy=SchedulePolicy(**policy)),
    )
    return trigger_id, handle


async def fired(bench: Any, schedule: Any, *, times: int) -> Any:
    """Return the last run, once the schedule has started as many."""

    async def look() -> Any:
        actions = (await schedule.describe()).info.recent_actions
        return actions[-1].action if len(actions) == times else None

    action = await bench.eventually(look)
    return (await bench.temporal()).get_workflow_handle(
        action.workflow_id, run_id=action.first_execution_run_id
    )


async def test_what_the_overlap_policy_terminates_ends_and_what_replaced_it_completes(bench: Any) -> None:
    trigger_id, schedule = await scheduled(bench, overlap=ScheduleOverlapPolicy.TERMINATE_OTHER)
    # No worker: the first fire is terminated before it began.
    for times in (1, 2):
        await schedule.trigger()
        last = await fired(bench, schedule, times=times)
        moment = (await last.describe()).start_time
        # Temporal names runs by the second.
        await bench.eventually(lambda at=moment: datetime.now(UTC) > at + timedelta(seconds=1))

    async def ends() -> Any:
        facts = [fact for fact in await bench.all_facts() if fact.execution.trigger_id == trigger_id]
        kinds = {NAME_OF[type(fact)] for fact in facts}
        return facts if {"terminated", "completed"} <= kinds else None

    async with bench.serving():
        facts = await bench.eventually(ends, seconds=60)
    terminated, completed = (
        [fact for fact in facts if NAME_OF[type(fact)] == name] for name in ("terminated", "completed")
    )
    assert len({fact.execution.id for fact in [*terminated, *completed]}) == 2
    assert "overlap" in terminated[0].error.message
    assert terminated[0].execution.accepted_at < completed[0].execution.accepted_at


async def test_a_run_whose_end_was_lost_is_recorded_when_it_is_asked_for(bench: Any) -> None:
    workflow_id = await bench.workflow()
    good, bad, cancelled = (
        bench.delivery(workflow_id, body=body) for body in (b'{"a": 1}', b'{"fail": true}', b"{}")
    )
    async with worker(bench, Silent):
        await (await started(bench, good)).result()
        with pytest.raises(WorkflowFailureError):
            await (await started(bench, bad)).result()
    async with worker(bench, Stuck):
        handle = await started(bench, cancelled)
        await bench.eventually(lambda: has_begun(handle))
        await handle.cancel()
        with pytest.raises(WorkflowFailureError):
            await handle.result()
    async with bench.serving():
        reply = await described(bench, *(one.execution_id for one in (good, bad, cancelled)))
        completed = await bench.end(good.execution_id)
        failed = await bench.end(bad.execution_id)
        assert isinstance(await bench.end(cancelled.execution_id), ExecutionCancelled)
    assert set(reply.ended) == {good.execution_id, bad.execution_id, cancelled.execution_id}
    assert (reply.running, reply.unknown) == ((), ())
    assert isinstance(completed, ExecutionCompleted)
    assert completed.outputs == {"a": 1}
    assert isinstance(failed, ExecutionFailed)
    assert (failed.error.code, failed.error.node, failed.error.message) == ("template_invalid", "pick", "no")


async def test_a_run_that_goes_on_one_that_was_deleted_and_one_of_another_kind(bench: Any) -> None:
    workflow_id = await bench.workflow()
    going, deleted, other = (bench.delivery(workflow_id) for _ in range(3))
    client = await bench.temporal()
    async with worker(bench, Stuck):
        handle = await started(bench, going)
        await bench.eventually(lambda: has_begun(handle))
    gone = await started(bench, deleted)
    await client.workflow_service.delete_workflow_execution(
        DeleteWorkflowExecutionRequest(
            namespace=client.namespace, workflow_execution=WorkflowExecution(workflow_id=gone.id)
        )
    )

    async def is_gone() -> bool:
        try:
            await gone.describe()
        except RPCError:
            return True
        return False

    await bench.eventually(is_gone)
    foreign = await client.start_workflow(
        "someone-else-s", id=execution_workflow_id(other.execution_id), task_queue="elsewhere"
    )
    await foreign.terminate()
    async with bench.serving():
        reply = await described(bench, *(one.execution_id for one in (going, deleted, other)))
    assert reply == RunsDescribed(running=(going.execution_id,), unknown=(deleted.execution_id,))
    assert await bench.facts(deleted.execution_id) == []


async def test_what_is_no_request_is_told_nothing(bench: Any) -> None:
    async with bench.serving():
        reply = await send_request(bench.bus, subject=streams.DESCRIBE_RUNS, data=b"{}", timeout=20.0)
    assert run_states.REPLIES.decode(reply) == RunsDescribed()


@pytest.mark.parametrize("missing", ["namespace", "server"])
async def test_no_run_is_unknown_where_temporal_cannot_tell(bench: Any, missing: str) -> None:
    settings = TemporalSettings(
        temporal_address=bench.temporal_address if missing == "namespace" else "127.0.0.1:1",
        temporal_namespace="nowhere",
    )
    connection = TemporalConnection(settings, identity="test")
    await connection.start()
    try:
        with pytest.raises(TemporalUnavailableError):
            await TemporalRuns(connection).look_up("execution-x", run_id=None)
        with pytest.raises(TemporalUnavailableError):
            runs = TemporalRuns(connection).ended_from_outside(since=datetime.now(UTC), known=())
            assert [run async for run in runs] == []
    finally:
        await connection.stop()
