"""How executions end: in the history on the bus and in Temporal alike."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from nats.js.errors import NotFoundError
from temporalio import workflow
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleSpec,
    WorkflowExecutionStatus,
    WorkflowFailureError,
)
from temporalio.exceptions import ApplicationError, CancelledError
from temporalio.service import RPCError
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner, Worker

from embedded_stack.ports import free_port
from embedded_stack.servers import NatsServer, TemporalServer, TemporalStorage, running
from orchestrator_worker.activities import execution_lifecycle
from orchestrator_worker.activities.execution_lifecycle import ExecutionLifecycle
from orchestrator_worker.adapters.bus_execution_log import BusExecutionLog
from orchestrator_worker.adapters.bus_workflow_definitions import BusWorkflowDefinitions
from orchestrator_worker.domain.starts import delivery_start
from orchestrator_worker.entrypoints.task_queue import WORKFLOWS, sandboxed_runner
from orchestrator_worker.workflows import active_time
from orchestrator_worker.workflows.orchestrator import OrchestratorWorkflow
from orchestrator_worker.workflows.triggered import TriggeredWorkflow
from trigger_contracts import ids, streams
from trigger_contracts.config import TriggerType
from trigger_contracts.executions import (
    CauseKind,
    ExecutionCancelled,
    ExecutionCompleted,
    ExecutionFailed,
    ExecutionStarted,
    ExecutionTimedOut,
)
from trigger_contracts.workflow_io import (
    ORCHESTRATOR_WORKFLOW,
    TASK_QUEUE,
    TRIGGERED_WORKFLOW,
    OrchestratorInput,
    OrchestratorResult,
    ScheduledRun,
    TriggeredInput,
    execution_workflow_id,
    scheduled_workflow_id,
)
from trigger_runtime.bus.connection import Bus
from trigger_runtime.temporal import DATA_CONVERTER, TemporalSettings

pytestmark = pytest.mark.integration


@workflow.defn(name=ORCHESTRATOR_WORKFLOW)
class SlowOrchestrator(OrchestratorWorkflow):
    """The real one, but that it waits until it is let go: the real nodes are all immediate."""

    def __init__(self) -> None:
        self.is_free = False

    @workflow.signal
    def go(self) -> None:
        self.is_free = True

    @workflow.run
    async def run(self, start: OrchestratorInput) -> OrchestratorResult:
        return await super().run(start)

    async def outputs(self, start: OrchestratorInput) -> Any:
        await workflow.wait_condition(lambda: self.is_free)
        return await super().outputs(start)


@asynccontextmanager
async def slow_worker(
    bench: Any, *, workflows: Sequence[type] = (TriggeredWorkflow, SlowOrchestrator)
) -> AsyncIterator[Client]:
    """The real outer workflow and activities around a definition that takes long."""
    client = await bench.temporal()
    lifecycle = ExecutionLifecycle(
        definitions=BusWorkflowDefinitions(bench.bus),
        execution_log=BusExecutionLog(bench.bus),
    )
    async with Worker(
        client,
        task_queue=TASK_QUEUE,
        workflows=workflows,
        activities=[lifecycle.prepare, lifecycle.complete],
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        yield client


async def start(client: Client, delivery: Any) -> Any:
    return await client.start_workflow(
        TRIGGERED_WORKFLOW,
        delivery_start(delivery).make_input(),
        id=execution_workflow_id(delivery.execution_id),
        task_queue=TASK_QUEUE,
    )


async def running_child(bench: Any, handle: Any) -> Any:
    child = (await bench.temporal()).get_workflow_handle(f"{handle.id}-run")

    async def look() -> Any:
        try:
            description = await child.describe()
        except RPCError:
            return None
        return child if description.status is WorkflowExecutionStatus.RUNNING else None

    return await bench.eventually(look)


def output(value: Any, **settings: Any) -> dict[str, Any]:
    return {
        "nodes": {"in": {"type": "input"}, "out": {"type": "output", "config": {"value": value}}},
        "edges": [{"source": "in", "target": "out"}],
        "entryPoint": "in",
        "settings": settings,
    }


async def test_a_failing_node_fails_the_execution_and_the_workflow(bench: Any) -> None:
    delivery = bench.delivery(await bench.workflow(output("{{ nonsense.path }}")))
    async with bench.serving():
        await bench.deliver([delivery])
        end = await bench.end(delivery.execution_id)
        handle = await bench.handle(delivery.execution_id)
        with pytest.raises(WorkflowFailureError) as caught:
            await handle.result()
    assert isinstance(end, ExecutionFailed)
    assert (end.error.code, end.error.node) == ("template_invalid", "out")
    assert "nonsense" in end.error.message
    assert isinstance(caught.value.cause, ApplicationError)
    assert caught.value.cause.type == "template_invalid"
    assert (await handle.describe()).status is WorkflowExecutionStatus.FAILED


@pytest.mark.parametrize("kind", ["unknown", "deleted", "of another workspace"])
async def test_a_workflow_that_is_not_there(bench: Any, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    workflow_id = {
        "unknown": bench.new_id,
        "deleted": lambda: bench.workflow(deleted="yes"),
        "of another workspace": lambda: bench.workflow(workspace="other"),
    }[kind]()
    # Unknown is final only after a while: the bus may be behind the API.
    monkeypatch.setattr(execution_lifecycle, "_BEHIND", timedelta(seconds=0.2))
    delivery = bench.delivery(workflow_id if kind == "unknown" else await workflow_id)
    async with bench.serving():
        await bench.deliver([delivery])
        end = await bench.end(delivery.execution_id)
        with pytest.raises(WorkflowFailureError):
            await (await bench.handle(delivery.execution_id)).result()
    started = (await bench.facts(delivery.execution_id))[0]
    assert isinstance(started, ExecutionStarted)
    assert started.workflow_version is None
    assert started.payload["body"] == {"n": 7}
    assert isinstance(end, ExecutionFailed)
    assert end.error.code == "workflow_not_found"


async def attempts(bench: Any, execution_id: Any) -> int:
    """Return how often the activity that is pending was tried."""
    try:
        description = await (await bench.handle(execution_id)).describe()
    except RPCError:
        return 0
    pending = description.raw_description.pending_activities
    return pending[0].attempt if pending else 0


async def test_a_run_waits_for_a_workflow_that_the_bus_does_not_have_yet(bench: Any) -> None:
    # The clocks of the API and of Temporal differ: neither says how long the run has waited.
    delivery = bench.delivery(bench.new_id(), received_at=datetime.now(UTC) - timedelta(minutes=10))

    async def tried_twice() -> bool:
        return await attempts(bench, delivery.execution_id) > 1

    async with bench.serving():
        await bench.deliver([delivery])
        await bench.eventually(tried_twice)
        assert await bench.facts(delivery.execution_id) == []
        await bench.workflow(workflow_id=delivery.workflow_id)
        assert isinstance(await bench.end(delivery.execution_id), ExecutionCompleted)


async def test_a_firing_waits_for_the_version_that_it_was_asked_for(bench: Any) -> None:
    workflow_id = await bench.workflow(output("old"), version=3)
    async with bench.serving():
        firing = await bench.fire(workflow_id, inputs={}, workflow_version=4)

        async def tried_twice() -> bool:
            return await attempts(bench, firing.execution_id) > 1

        await bench.eventually(tried_twice)
        await bench.workflow(output("new"), workflow_id=workflow_id, version=5)
        end = await bench.end(firing.execution_id)
        current = await bench.fire(workflow_id, inputs={}, workflow_version=5)
        assert (await bench.end(current.execution_id)).outputs == "new"
    assert end.outputs == "new"
    assert [type(fact) for fact in await bench.facts(firing.execution_id)] == [
        ExecutionStarted,
        ExecutionCompleted,
    ]


async def test_a_firing_does_not_wait_for_a_workflow_that_was_deleted_meanwhile(bench: Any) -> None:
    workflow_id = await bench.workflow(version=2, deleted="yes")
    async with bench.serving():
        firing = await bench.fire(workflow_id, inputs={}, workflow_version=3)
        end = await bench.end(firing.execution_id)
    assert isinstance(end, ExecutionFailed)
    assert end.error.code == "workflow_not_found"


async def test_a_definition_that_takes_too_long_times_out(bench: Any) -> None:
    delivery = bench.delivery(await bench.workflow(output("x", timeout=1)))
    async with slow_worker(bench) as client:
        handle = await start(client, delivery)
        end = await bench.end(delivery.execution_id)
        with pytest.raises(WorkflowFailureError) as caught:
            await handle.result()
    assert isinstance(end, ExecutionTimedOut)
    assert end.error.code == "timed_out"
    assert isinstance(caught.value.cause, ApplicationError)
    assert caught.value.cause.type == "timed_out"


async def test_workers_that_are_away_before_the_definition_begins_do_not_time_it_out(bench: Any) -> None:
    delivery = bench.delivery(await bench.workflow(output("x", timeout=1)))
    async with slow_worker(bench, workflows=[TriggeredWorkflow]) as client:
        child = await running_child(bench, await start(client, delivery))
        began = (await child.describe()).start_time
    await past(bench, began + timedelta(seconds=2))
    async with bench.serving():
        assert isinstance(await bench.end(delivery.execution_id), ExecutionCompleted)


async def test_workers_that_are_away_while_the_definition_works_do_not_time_it_out(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(active_time, "_LATE", timedelta(seconds=1))
    delivery = bench.delivery(await bench.workflow(output("x", timeout=2)))

    async def working() -> list[datetime]:
        events = (await child.fetch_history()).events
        started = [event for event in events if event.HasField("timer_started_event_attributes")]
        return [event.event_time.ToDatetime(UTC) for event in started]

    async with slow_worker(bench) as client:
        child = await running_child(bench, await start(client, delivery))
        (began,) = await bench.eventually(working)
    await past(bench, began + timedelta(seconds=4))
    async with slow_worker(bench):

        async def working_again() -> bool:
            return len(await working()) == 2

        await bench.eventually(working_again)
        await child.signal("go")
        assert isinstance(await bench.end(delivery.execution_id), ExecutionCompleted)


async def past(bench: Any, moment: datetime) -> None:
    """Wait until the clock, which is Temporal's too, is past a moment."""
    await bench.eventually(lambda: datetime.now(UTC) > moment)


async def test_facts_have_the_time_of_temporal_whatever_the_worker_s_clock_says(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivery = bench.delivery(await bench.workflow())
    recorded: list[str] = []

    async def fail_once(log: BusExecutionLog, fact: Any) -> None:
        recorded.append(type(fact).__name__)
        await record(log, fact)
        if len(recorded) == 1:
            raise RuntimeError("the worker dies after it has published")

    record = BusExecutionLog.record
    monkeypatch.setattr(BusExecutionLog, "record", fail_once)
    async with bench.serving():
        await bench.deliver([delivery])
        await bench.end(delivery.execution_id)
    assert recorded == ["ExecutionStarted", "ExecutionStarted", "ExecutionCompleted"]
    history = await (await bench.handle(delivery.execution_id)).fetch_history()
    scheduled = [
        event.event_time.ToDatetime(UTC)
        for event in history.events
        if event.HasField("activity_task_scheduled_event_attributes")
    ]
    assert [fact.at for fact in await bench.facts(delivery.execution_id)] == scheduled


async def test_cancelling_a_running_execution(bench: Any) -> None:
    delivery = bench.delivery(await bench.workflow(output("x")))
    async with slow_worker(bench) as client:
        handle = await start(client, delivery)
        child = await running_child(bench, handle)
        await handle.cancel()
        assert isinstance(await bench.end(delivery.execution_id), ExecutionCancelled)
        with pytest.raises(WorkflowFailureError) as caught:
            await handle.result()
        assert isinstance(caught.value.cause, CancelledError)
        assert (await handle.describe()).status is WorkflowExecutionStatus.CANCELED
        assert (await child.describe()).status is WorkflowExecutionStatus.CANCELED


async def test_an_end_that_is_decided_stays_so_when_it_is_cancelled_meanwhile(
    bench: Any, tmp_path: Path
) -> None:
    own = NatsServer(directory=tmp_path / "own", port=free_port())
    bench.bus = Bus(url=own.url, client_name="test", streams=streams.ALL)
    async with running(own):
        await bench.bus.start()
        await bench.bus.ready()
        delivery = bench.delivery(await bench.workflow(output("x", timeout=1)))
        stack = AsyncExitStack()
        client = await stack.enter_async_context(slow_worker(bench))
        handle = await start(client, delivery)
        await running_child(bench, handle)
    async with stack:
        # The bus is away: the child times out, and its end cannot be recorded yet.
        async def recording() -> bool | None:
            pending = (await handle.describe()).raw_description.pending_activities
            return True if pending and pending[0].attempt > 1 else None

        await bench.eventually(recording)
        await handle.cancel()
        async with running(own):
            await bench.bus.ready()
            assert isinstance(await bench.end(delivery.execution_id), ExecutionTimedOut)
            with pytest.raises(WorkflowFailureError) as caught:
                await handle.result()
            assert isinstance(caught.value.cause, ApplicationError)
            assert caught.value.cause.type == "timed_out"
            await stack.aclose()
            await bench.bus.stop()


async def test_cancelling_or_terminating_only_the_child(bench: Any) -> None:
    workflow_id = await bench.workflow(output("x"))
    first, second = bench.delivery(workflow_id), bench.delivery(workflow_id)
    async with slow_worker(bench) as client:
        child = await running_child(bench, await start(client, first))
        await child.cancel()
        assert isinstance(await bench.end(first.execution_id), ExecutionCancelled)
        handle = await start(client, second)
        child = await running_child(bench, handle)
        await child.terminate()
        end = await bench.end(second.execution_id)
        with pytest.raises(WorkflowFailureError):
            await handle.result()
    assert isinstance(end, ExecutionFailed)
    assert end.error.code == "orchestrator_terminated"


async def test_cancelled_before_a_worker_saw_it_is_still_on_record(bench: Any) -> None:
    delivery = bench.delivery(await bench.workflow())
    handle = await start(await bench.temporal(), delivery)
    await handle.cancel()
    async with bench.serving():
        assert isinstance(await bench.end(delivery.execution_id), ExecutionCancelled)
        with pytest.raises(WorkflowFailureError):
            await handle.result()
    assert [type(fact) for fact in await bench.facts(delivery.execution_id)] == [
        ExecutionStarted,
        ExecutionCancelled,
    ]


async def test_temporal_away_at_the_start_comes_later(bench: Any, tmp_path: Path) -> None:
    port = free_port()
    settings = bench.settings(temporal=TemporalSettings(temporal_address=f"127.0.0.1:{port}"))
    delivery = bench.delivery(await bench.workflow())
    await bench.deliver([delivery])
    async with bench.serving(settings=settings, ready="starting"):

        async def waiting() -> bool | None:
            try:
                info = await bench.bus.js.consumer_info("DELIVERIES", streams.DISPATCH_DELIVERIES)
            except NotFoundError:
                return None
            return True if info.num_pending == 1 else None

        # It is not even fetched.
        await bench.eventually(waiting)
        assert await bench.is_ready(settings) is None
        server = TemporalServer(directory=tmp_path / "temporal", port=port, storage=TemporalStorage.MEMORY)
        async with running(server):
            assert isinstance(await bench.end(delivery.execution_id), ExecutionCompleted)
            await bench.eventually(lambda: bench.is_ready(settings))
    assert await bench.messages("DEAD_LETTERS") == []


async def test_a_schedule_fires_with_the_identity_of_its_nominal_time(bench: Any) -> None:
    workflow_id = await bench.workflow(output("{{trigger.payload}}"))
    trigger_id = bench.new_id()
    client = await bench.temporal()
    schedule = await client.create_schedule(
        f"trigger-{trigger_id}",
        Schedule(
            action=ScheduleActionStartWorkflow(
                TRIGGERED_WORKFLOW,
                TriggeredInput(
                    workspace="acme",
                    trigger_id=trigger_id,
                    trigger_type=TriggerType.SCHEDULE,
                    trigger_name="Nightly",
                    workflow_id=workflow_id,
                    scheduled=ScheduledRun(input={"report": "daily"}),
                ),
                id=scheduled_workflow_id(trigger_id),
                task_queue=TASK_QUEUE,
            ),
            spec=ScheduleSpec(),
        ),
    )
    async with bench.serving():
        await schedule.trigger()

        async def fired() -> str | None:
            actions = (await schedule.describe()).info.recent_actions
            return actions[0].action.workflow_id if actions else None

        temporal_id = await bench.eventually(fired)
        text = temporal_id.removeprefix(f"scheduled-{trigger_id}-")
        nominal = datetime.fromisoformat(text)
        end = await bench.end(ids.fire_execution_id(trigger_id, nominal_time=nominal))
        handle = client.get_workflow_handle(temporal_id)
        await handle.result()
        assert (await (await handle.describe()).memo())["executionId"] == str(end.execution.id)
    await schedule.delete()
    assert isinstance(end, ExecutionCompleted)
    assert end.outputs == {"scheduledTime": text, "input": {"report": "daily"}}
    assert (end.execution.cause.kind, end.execution.cause.id) == (CauseKind.SCHEDULE, text)
    assert end.temporal_workflow_id == temporal_id
    assert abs(end.execution.accepted_at - nominal) < timedelta(seconds=30)


async def test_recorded_histories_replay(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution_lifecycle, "_BEHIND", timedelta(seconds=0.2))
    good = bench.delivery(await bench.workflow())
    bad = bench.delivery(await bench.workflow(output("{{")))
    lost = bench.delivery(bench.new_id())
    async with bench.serving():
        await bench.deliver([good, bad, lost])
        for delivery in (good, bad, lost):
            await bench.end(delivery.execution_id)
    client = await bench.temporal()
    replayer = Replayer(
        workflows=WORKFLOWS, workflow_runner=sandboxed_runner(), data_converter=DATA_CONVERTER
    )
    for delivery in (good, bad, lost):
        name = execution_workflow_id(delivery.execution_id)
        await replayer.replay_workflow(await client.get_workflow_handle(name).fetch_history())
    for delivery in (good, bad):
        name = f"{execution_workflow_id(delivery.execution_id)}-run"
        history = await client.get_workflow_handle(name).fetch_history()
        await replayer.replay_workflow(history)
        # A definition of immediate nodes needs no timer: its history is that of the releases without one.
        assert not any(event.HasField("timer_started_event_attributes") for event in history.events)


async def test_a_large_definition_and_a_large_payload_together_fail_with_a_reason(bench: Any) -> None:
    wide: dict[str, Any] = output({str(number): "y" * 1000 for number in range(800)})
    delivery = bench.delivery(
        await bench.workflow(wide), body=b"\xff" * 1024 * 1024, content_type="image/png"
    )
    async with bench.serving():
        await bench.deliver([delivery])
        end = await bench.end(delivery.execution_id)
    assert isinstance(end, ExecutionFailed)
    assert end.error.code == "payload_too_large"
