"""Each execution ends in the history, also one that could not record its end itself."""

import signal
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import msgspec
import nats
import pytest
from temporalio.client import Client as Temporal
from temporalio.service import RPCError

from trigger_contracts import streams
from trigger_contracts.codec import encode
from trigger_contracts.config import TriggerType
from trigger_contracts.executions import Cause, CauseKind, Execution, ExecutionStarted
from trigger_contracts.schedules import schedule_id
from trigger_contracts.workflow_io import execution_workflow_id

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize(
    ("policy", "status"), [("terminateOther", "terminated"), ("cancelOther", "cancelled")]
)
async def test_what_the_overlap_policy_ends_has_a_row_with_its_end(
    client: Any, eventually: Any, policy: str, status: str
) -> None:
    workflow_id = await client.workflow("{{trigger.payload.scheduledTime}}")
    config = {"cronExpression": "0 0 1 1 *", "overlapPolicy": policy}
    trigger = await client.trigger("schedule", config, workflow_id=workflow_id)
    temporal = await Temporal.connect(client.stack["temporal_address"])
    schedule = temporal.get_schedule_handle(schedule_id(UUID(trigger["id"])))

    async def has_fired() -> bool:
        return len((await schedule.describe()).info.recent_actions) == 1

    await eventually(lambda: exists(schedule))
    client.signal("orchestrator-worker", signal.SIGSTOP)
    try:
        await schedule.trigger()
        await eventually(has_fired)
        # Temporal names runs by the second.
        moment = datetime.now(UTC) + timedelta(seconds=1.1)
        await eventually(lambda: datetime.now(UTC) > moment)
        await schedule.trigger()
    finally:
        client.signal("orchestrator-worker", signal.SIGCONT)

    async def ended() -> Any:
        rows = await client.executions(trigger["id"])
        return rows if sorted(row["status"] for row in rows) == sorted([status, "completed"]) else None

    last, victim = await eventually(ended, seconds=30)
    assert (last["status"], victim["status"]) == ("completed", status)
    if status == "terminated":
        assert victim["error"]["code"] == "terminated"
        assert "overlap" in victim["error"]["message"]


async def exists(schedule: Any) -> bool:
    try:
        await schedule.describe()
    except RPCError:
        return False
    return True


@pytest.mark.parametrize("cause", ["a run that is gone", "a workflow id that is gone"])
async def test_a_run_that_temporal_does_not_have_any_more_ends_as_lost(client: Any, cause: str) -> None:
    """As after a deletion there, or a restored backup."""
    trigger = await client.trigger("manual", {}, workflow_id=await client.workflow("{{trigger.payload.n}}"))
    answer = await client.call("POST", f"/api/triggers/{trigger['id']}/execute", {}, status=202)
    other = await client.ended(answer["executionId"])
    bus = await nats.connect(client.stack["nats_url"])
    message = await bus.jetstream().get_last_msg("CONFIG", streams.config_trigger(UUID(trigger["id"])))
    workspace = msgspec.json.decode(message.data or b"")["trigger"]["workspace"]
    execution = Execution(
        id=uuid4(),
        workspace=workspace,
        trigger_id=UUID(trigger["id"]),
        trigger_type=TriggerType.MANUAL,
        trigger_name="gone",
        workflow_id=UUID(trigger["workflowId"]),
        cause=Cause(kind=CauseKind.MANUAL, id="r"),
        accepted_at=datetime.now(UTC),
    )
    started = ExecutionStarted(
        execution=execution,
        at=datetime.now(UTC),
        temporal_workflow_id=other["temporalWorkflowId"]
        if cause == "a run that is gone"
        else execution_workflow_id(execution.id),
        temporal_run_id=str(uuid4()),
        workflow_version=1,
        payload={},
    )
    await bus.jetstream().publish(streams.execution("started"), encode(started))
    await bus.close()
    lost = await client.ended(str(execution.id), seconds=60)
    assert (lost["status"], lost["error"]["code"]) == ("terminated", "lost")
    assert lost["startedAt"] is not None
