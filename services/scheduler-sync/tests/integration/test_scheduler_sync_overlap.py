"""Each overlap policy, with workflows that do not end: what Temporal does is what the guide says."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from temporalio import workflow
from temporalio.client import ScheduleActionExecutionStartWorkflow, WorkflowExecutionStatus
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from trigger_contracts import streams
from trigger_contracts.config import OverlapPolicy, ScheduleConfig
from trigger_contracts.schedule_requests import DescribeSchedule, DroppedFires, ScheduleDescribed
from trigger_contracts.workflow_io import TASK_QUEUE, TRIGGERED_WORKFLOW

pytestmark = pytest.mark.integration

RUNNING, COMPLETED = WorkflowExecutionStatus.RUNNING, WorkflowExecutionStatus.COMPLETED
CANCELED, TERMINATED = WorkflowExecutionStatus.CANCELED, WorkflowExecutionStatus.TERMINATED


@workflow.defn(name=TRIGGERED_WORKFLOW)
class SlowWorkflow:
    """Runs until it is told to end."""

    def __init__(self) -> None:
        self._ended = False

    @workflow.run
    async def run(self, _: Any) -> None:
        await workflow.wait_condition(lambda: self._ended)

    @workflow.signal
    def end(self) -> None:
        self._ended = True


@pytest.fixture
async def slow(stage: Any) -> AsyncIterator[None]:
    """Run workers for everything that is started meanwhile."""
    async with Worker(
        stage.temporal,
        task_queue=TASK_QUEUE,
        workflows=[SlowWorkflow],
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        yield


class Fired:
    """A schedule that came due three times while its first run went on."""

    def __init__(self, stage: Any, *, trigger: Any, eventually: Any) -> None:
        self._stage = stage
        self._trigger = trigger
        self._eventually = eventually
        self._handle = stage.temporal.get_schedule_handle(f"trigger-{trigger.id}")

    async def three_times(self) -> None:
        """Come due, as the schedule's own policy has it. Two in one second would be one."""
        for count in range(1, 4):
            await self._handle.trigger()
            await self._eventually(lambda count=count: self._dealt_with(count))
            await asyncio.sleep(1.1)

    async def _dealt_with(self, count: int) -> bool:
        info = (await self._handle.describe()).info
        waiting = await self._buffered()
        return bool(info.num_actions + info.num_actions_skipped_overlap + waiting >= count)

    async def _buffered(self) -> int:
        described = await self._handle.describe()
        return int(described.raw_description.info.buffer_size)

    async def skipped(self) -> int:
        return int((await self._handle.describe()).info.num_actions_skipped_overlap)

    async def dropped_as_replied(self) -> DroppedFires | None:
        request = DescribeSchedule(trigger_id=self._trigger.id)
        reply = await self._stage.ask(request, subject=streams.DESCRIBE_SCHEDULE)
        assert isinstance(reply, ScheduleDescribed)
        return reply.dropped_fires

    async def statuses(self) -> list[WorkflowExecutionStatus | None]:
        """Return what became of the runs, in the order of their starts."""
        actions = (await self._handle.describe()).info.recent_actions
        found = []
        for action in actions:
            assert isinstance(action.action, ScheduleActionExecutionStartWorkflow)
            run = self._stage.temporal.get_workflow_handle(action.action.workflow_id)
            found.append((await run.describe()).status)
        return found

    async def until(self, *expected: WorkflowExecutionStatus) -> None:
        async def so() -> bool:
            return await self.statuses() == list(expected)

        await self._eventually(so)

    async def end_running(self) -> None:
        for running in (await self._handle.describe()).info.running_actions:
            await self._stage.temporal.get_workflow_handle(running.workflow_id).signal(SlowWorkflow.end)


async def test_each_policy_does_what_it_says(stage: Any, slow: None, eventually: Any) -> None:
    async with stage.replica(resync_closely_seconds=0) as replica:
        fired: dict[OverlapPolicy, Fired] = {}
        for policy in OverlapPolicy:
            state = stage.trigger(ScheduleConfig(cron_expression="0 0 1 1 *", overlap_policy=policy))
            await stage.publish(state)
            await eventually(lambda state=state: stage.fact(state))
            fired[policy] = Fired(stage, trigger=state, eventually=eventually)
        await asyncio.gather(*(one.three_times() for one in fired.values()))

        skip = fired[OverlapPolicy.SKIP]
        await skip.until(RUNNING)
        assert await skip.skipped() == 2
        assert await skip.dropped_as_replied() == DroppedFires(skipped_overlap=2)
        overlap = 'schedules_fires_dropped{reason="overlap"}'

        async def counted() -> bool:
            # Two of `skip`, and one for which `bufferOne` had no place.
            return bool(await replica.metric(overlap) == 3)

        await eventually(counted)
        await skip.end_running()
        await skip.until(COMPLETED)

        one = fired[OverlapPolicy.BUFFER_ONE]
        await one.until(RUNNING)
        await one.end_running()
        await one.until(COMPLETED, RUNNING)
        await one.end_running()
        await one.until(COMPLETED, COMPLETED)

        every = fired[OverlapPolicy.BUFFER_ALL]
        await every.until(RUNNING)
        await every.end_running()
        await every.until(COMPLETED, RUNNING)
        await every.end_running()
        await every.until(COMPLETED, COMPLETED, RUNNING)

        await fired[OverlapPolicy.CANCEL_OTHER].until(CANCELED, CANCELED, RUNNING)
        await fired[OverlapPolicy.TERMINATE_OTHER].until(TERMINATED, TERMINATED, RUNNING)
        await fired[OverlapPolicy.ALLOW_ALL].until(RUNNING, RUNNING, RUNNING)
