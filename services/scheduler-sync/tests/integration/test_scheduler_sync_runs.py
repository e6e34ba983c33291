"""Run now, and backfill, over the bus."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from temporalio.client import WorkflowExecutionStatus

from trigger_contracts import ids, streams
from trigger_contracts.config import OverlapPolicy, ScheduleConfig
from trigger_contracts.schedule_requests import (
    BackfillPreviewed,
    BackfillSchedule,
    BackfillStarted,
    FailureCode,
    PreviewBackfill,
    RequestFailed,
    RunSchedule,
    ScheduleRunStarted,
)
from trigger_contracts.workflow_io import TriggeredInput

pytestmark = pytest.mark.integration

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


def run(trigger: Any, **changes: Any) -> RunSchedule:
    given = {"trigger_id": trigger.id, "execution_id": uuid4(), "requested_at": NOON, "request_id": "r-1"}
    return RunSchedule(**{**given, **changes})


async def test_a_run_now_is_started_once_whatever_the_schedule_does(stage: Any, eventually: Any) -> None:
    config = ScheduleConfig(
        cron_expression="0 9 5 * *", overlap_policy=OverlapPolicy.SKIP, input={"report": "daily"}
    )
    state = stage.trigger(config, enabled=False)
    async with stage.replica():
        await stage.publish(state)
        await eventually(lambda: stage.fact(state))
        request = run(state)
        other = run(state)
        for asked in (request, request, other):
            answer = await stage.ask(asked, subject=streams.RUN_SCHEDULE)
            assert isinstance(answer, ScheduleRunStarted)
            assert answer.execution_id == asked.execution_id
            assert answer.workflow_id == f"execution-{asked.execution_id}"
        handle = stage.temporal.get_workflow_handle(f"execution-{request.execution_id}")
        described = await handle.describe()
        # No worker is there to end it, and the next one was started all the same.
        assert described.status is WorkflowExecutionStatus.RUNNING
        assert (await described.memo())["executionId"] == str(request.execution_id)
        history = await handle.fetch_history()
        payload = history.events[0].workflow_execution_started_event_attributes.input.payloads
        (given,) = await stage.temporal.data_converter.decode(payload, [TriggeredInput])
        assert given.run is not None
        assert given.run.execution_id == request.execution_id
        assert given.run.cause.id == "r-1"
        assert given.run.payload == {"scheduledTime": "2026-01-05T12:00:00Z", "input": {"report": "daily"}}
        for asked in (request, other):
            await stage.temporal.get_workflow_handle(f"execution-{asked.execution_id}").terminate()


async def test_what_cannot_be_run(stage: Any, eventually: Any) -> None:
    deleted = stage.trigger(deleted_at=NOON)
    async with stage.replica():
        await stage.publish(deleted)
        await eventually(lambda: stage.fact(deleted))
        for state in (deleted, stage.trigger()):
            answer = await stage.ask(run(state), subject=streams.RUN_SCHEDULE)
            assert answer == RequestFailed(
                reason="there is no such schedule trigger", code=FailureCode.NOT_FOUND
            )


async def test_a_backfill_is_previewed_and_runs_what_was_shown(stage: Any, eventually: Any) -> None:
    state = stage.trigger(ScheduleConfig(cron_expression="0 12 5,6,7 1 *"))
    times = tuple(NOON + timedelta(days=days) for days in range(2))
    executions = tuple(ids.fire_execution_id(state.id, nominal_time=time) for time in times)
    window: dict[str, Any] = {"trigger_id": state.id, "start_at": times[0], "end_at": times[1]}
    async with stage.replica():
        await stage.publish(state)
        await eventually(lambda: stage.fact(state))
        shown = await stage.ask(PreviewBackfill(**window), subject=streams.PREVIEW_BACKFILL)
        assert shown == BackfillPreviewed(trigger_id=state.id, fire_times=times, execution_ids=executions)

        async def backfill(**changes: Any) -> Any:
            given = {**window, "overlap_policy": OverlapPolicy.ALLOW_ALL, "expected_fires": 2, **changes}
            return await stage.ask(BackfillSchedule(**given), subject=streams.BACKFILL_SCHEDULE)

        assert await backfill(expected_fires=3) == RequestFailed(
            reason="that is 2 fires, not 3: preview it again",
            code=FailureCode.REFUSED,
            field="expectedFires",
        )
        assert (await stage.described(state.id)).info.num_actions == 0
        assert await backfill() == BackfillStarted(
            trigger_id=state.id, fire_times=times, execution_ids=executions
        )

        async def ran() -> bool:
            info = (await stage.described(state.id)).info
            return sorted(action.scheduled_at for action in info.recent_actions) == list(times)

        await eventually(ran)
        for time in times:
            name = f"scheduled-{state.id}-{time:%Y-%m-%dT%H:%M:%SZ}"
            await stage.temporal.get_workflow_handle(name).terminate()


@pytest.mark.parametrize(
    ("start", "end", "reason", "field"),
    [
        (NOON, NOON - timedelta(seconds=1), "the end is before the start", "endAt"),
        (NOON, NOON.replace(year=2999), "the end is in the future", "endAt"),
        (NOON.replace(year=2023), NOON.replace(year=2025), "the range is longer than 366 days", "startAt"),
        (NOON, NOON + timedelta(days=1), "that is more than 500 fires; choose a shorter range", ""),
    ],
)
async def test_a_backfill_is_bounded(
    stage: Any, eventually: Any, start: datetime, end: datetime, reason: str, field: str
) -> None:
    state = stage.trigger(ScheduleConfig(cron_expression="* * * * *"), enabled=False)
    async with stage.replica():
        await stage.publish(state)
        await eventually(lambda: stage.fact(state))
        request = PreviewBackfill(trigger_id=state.id, start_at=start, end_at=end)
        answer = await stage.ask(request, subject=streams.PREVIEW_BACKFILL)
        assert answer == RequestFailed(reason=reason, code=FailureCode.REFUSED, field=field)


async def test_a_backfill_that_is_asked_for_again_runs_once(stage: Any, eventually: Any) -> None:
    state = stage.trigger(ScheduleConfig(cron_expression="0 12 5,6 1 *"))
    ends = (NOON, NOON + timedelta(days=1))
    async with stage.replica():
        await stage.publish(state)
        await eventually(lambda: stage.fact(state))

        async def backfill(request_id: UUID | None, *, fires: int) -> None:
            request = BackfillSchedule(
                trigger_id=state.id,
                start_at=ends[0],
                end_at=ends[fires - 1],
                overlap_policy=OverlapPolicy.ALLOW_ALL,
                expected_fires=fires,
                request_id=request_id,
            )
            answer = await stage.ask(request, subject=streams.BACKFILL_SCHEDULE)
            assert isinstance(answer, BackfillStarted)

        async def are(count: int, *, fires: int) -> None:
            """Wait until there were so many runs, and end the last: one that runs on keeps out a second."""

            async def reached() -> bool:
                return int((await stage.described(state.id)).info.num_actions) == count

            await eventually(reached)
            for time in ends[:fires]:
                name = f"scheduled-{state.id}-{time:%Y-%m-%dT%H:%M:%SZ}"
                await stage.temporal.get_workflow_handle(name).terminate()

        known = uuid4()
        await backfill(known, fires=2)
        await are(2, fires=2)
        await backfill(known, fires=2)
        # Temporal does one after the other, so the repetition has been dealt with when this one is done.
        await backfill(uuid4(), fires=1)
        await are(3, fires=1)
        await backfill(None, fires=2)
        await are(5, fires=2)


async def test_a_backfill_of_what_temporal_does_not_have(stage: Any, eventually: Any) -> None:
    state = stage.trigger(ScheduleConfig(cron_expression="0 12 5 1 *"))
    async with stage.replica(resync_seconds=3600) as replica:
        await eventually(lambda: replica.metric("schedules_compared_at_seconds"))
        await stage.publish(state)
        await eventually(lambda: stage.fact(state))
        await stage.temporal.get_schedule_handle(f"trigger-{state.id}").delete()
        request = BackfillSchedule(
            trigger_id=state.id,
            start_at=NOON,
            end_at=NOON,
            overlap_policy=OverlapPolicy.SKIP,
            expected_fires=1,
        )
        answer = await stage.ask(request, subject=streams.BACKFILL_SCHEDULE)
        assert answer == RequestFailed(reason="the schedule is not in Temporal", code=FailureCode.NOT_FOUND)
