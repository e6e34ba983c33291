"""Fires of a schedule that are run again: executions of their own, by Temporal's own backfill."""

import contextlib
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from temporalio.client import (
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleBackfill,
    ScheduleCalendarSpec,
    ScheduleOverlapPolicy,
    ScheduleRange,
    ScheduleSpec,
    ScheduleState,
    WorkflowFailureError,
)

from trigger_contracts import streams
from trigger_contracts.backfills import BackfillRequested
from trigger_contracts.codec import encode
from trigger_contracts.config import TriggerType
from trigger_contracts.executions import NAME_OF, ExecutionCompleted, ExecutionFailed
from trigger_contracts.ids import backfill_execution_id, fire_execution_id
from trigger_contracts.workflow_io import (
    TASK_QUEUE,
    TRIGGERED_WORKFLOW,
    ScheduledRun,
    TriggeredInput,
    scheduled_workflow_id,
)

pytestmark = pytest.mark.integration

HOURLY = ScheduleSpec(calendars=[ScheduleCalendarSpec(hour=[ScheduleRange(0, 23)])])


class Hourly:
    """A schedule that a person only backfills: it is paused."""

    def __init__(self, bench: Any, handle: Any, *, trigger_id: UUID) -> None:
        self._bench = bench
        self._handle = handle
        self.trigger_id = trigger_id
        self.times = [
            datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=hours)
            for hours in (5, 4)
        ]

    async def ask(self, *, request_id: UUID | None = None) -> UUID:
        """Ask as scheduler-sync does: written down first, then sent to Temporal."""
        request_id = request_id or uuid4()
        request = BackfillRequested(
            trigger_id=self.trigger_id,
            request_id=request_id,
            requested_at=datetime.now(UTC),
            fire_times=tuple(self.times),
        )
        await self._bench.bus.publish(streams.backfill(self.trigger_id), encode(request))
        await self.backfill()
        return request_id

    async def backfill(self) -> None:
        await self._handle.backfill(
            ScheduleBackfill(
                start_at=self.times[0] - timedelta(seconds=1),
                end_at=self.times[-1],
                overlap=ScheduleOverlapPolicy.ALLOW_ALL,
            )
        )

    async def ends(self, request_id: UUID | None) -> list[Any]:
        """Return how the executions ended, once Temporal could run their times again."""
        ends = [await self._bench.end(execution) for execution in self.executions(request_id)]
        client = await self._bench.temporal()
        for end in ends:
            handle = client.get_workflow_handle(end.temporal_workflow_id, run_id=end.temporal_run_id)
            with contextlib.suppress(WorkflowFailureError):
                await handle.result()
        return ends

    def executions(self, request_id: UUID | None) -> list[UUID]:
        if request_id is None:
            return [fire_execution_id(self.trigger_id, nominal_time=at) for at in self.times]
        return [
            backfill_execution_id(self.trigger_id, request_id=request_id, nominal_time=at)
            for at in self.times
        ]


@pytest.fixture
async def hourly(bench: Any) -> Hourly:
    trigger_id, workflow_id = uuid4(), await bench.workflow({"nodes": {"out": OUT}, "entryPoint": "out"})
    start = TriggeredInput(
        workspace="acme",
        trigger_id=trigger_id,
        trigger_type=TriggerType.SCHEDULE,
        trigger_name="Hourly",
        workflow_id=workflow_id,
        scheduled=ScheduledRun(input={"n": 1}),
    )
    action = ScheduleActionStartWorkflow(
        TRIGGERED_WORKFLOW, start, id=scheduled_workflow_id(trigger_id), task_queue=TASK_QUEUE
    )
    schedule = Schedule(action=action, spec=HOURLY, state=ScheduleState(paused=True))
    handle = await (await bench.temporal()).create_schedule(f"trigger-{trigger_id}", schedule)
    return Hourly(bench, handle, trigger_id=trigger_id)


OUT = {"type": "output", "config": {"value": "{{trigger.payload.scheduledTime}}"}}


async def test_each_run_again_is_an_execution_of_its_own(bench: Any, hourly: Hourly) -> None:
    async with bench.serving():
        await hourly.backfill()
        own = await hourly.ends(None)
        first = await hourly.ask()
        ends = await hourly.ends(first)
        second = await hourly.ask()
        ends += await hourly.ends(second)
    assert all(isinstance(end, ExecutionCompleted) for end in [*own, *ends])
    assert {end.execution.cause.backfill for end in ends} == {first, second}
    assert not any(isinstance(end.execution.cause.backfill, UUID) for end in own)
    assert [end.execution.cause.id for end in own] == [end.execution.cause.id for end in ends[:2]]
    assert len({end.temporal_run_id for end in [*own, *ends]}) == 6
    assert [end.outputs for end in ends[2:]] == [end.outputs for end in own]


async def test_a_run_that_failed_can_be_repaired_and_the_other_way_round(bench: Any, hourly: Hourly) -> None:
    async with bench.serving():
        first = await hourly.ask()
        assert all(isinstance(end, ExecutionCompleted) for end in await hourly.ends(first))
        start = (await bench.facts(hourly.executions(first)[0]))[0]
        await bench.workflow(workflow_id=start.execution.workflow_id, version=4, deleted="yes")
        second = await hourly.ask()
        assert all(isinstance(end, ExecutionFailed) for end in await hourly.ends(second))
    # What ran first is as it was.
    facts = await bench.facts(hourly.executions(first)[0])
    assert isinstance(facts[-1], ExecutionCompleted)


async def test_two_runs_of_one_request_are_two_executions(bench: Any, hourly: Hourly) -> None:
    """Temporal was asked twice: the second run finds the claim of the first, and is the fire's own."""
    async with bench.serving():
        request = await hourly.ask()
        await hourly.ends(request)
        await hourly.backfill()
        for execution in hourly.executions(None):
            assert isinstance(await bench.end(execution), ExecutionCompleted)


@pytest.mark.parametrize("way", ["terminated", "cancelled"])
async def test_a_run_again_that_is_ended_before_it_began_ends_under_its_own_id(
    bench: Any, hourly: Hourly, way: str
) -> None:
    request = await hourly.ask()
    client = await bench.temporal()

    async def runs() -> Any:
        query = f"WorkflowId STARTS_WITH 'scheduled-{hourly.trigger_id}'"
        listed = [run async for run in client.list_workflows(query)]
        return listed if len(listed) == len(hourly.times) else None

    for run in await bench.eventually(runs):
        handle = client.get_workflow_handle(run.id, run_id=run.run_id)
        await (handle.terminate(reason="not again") if way == "terminated" else handle.cancel())
    async with bench.serving():
        for end in await hourly.ends(request):
            assert NAME_OF[type(end)] == way
            assert end.execution.cause.backfill == request
    for execution in hourly.executions(None):
        assert await bench.facts(execution) == []


async def test_what_began_before_it_was_asked_for_is_the_fire_s_own(bench: Any, hourly: Hourly) -> None:
    await hourly.backfill()
    later = BackfillRequested(
        trigger_id=hourly.trigger_id,
        request_id=uuid4(),
        requested_at=datetime.now(UTC) + timedelta(minutes=1),
        fire_times=tuple(hourly.times),
    )
    await bench.bus.publish(streams.backfill(hourly.trigger_id), encode(later))
    async with bench.serving():
        for execution in hourly.executions(None):
            assert isinstance(await bench.end(execution), ExecutionCompleted)
