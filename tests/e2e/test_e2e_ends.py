"""Each execution ends in the history, also one that could not record its end itself."""

import signal
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from temporalio.client import Client as Temporal
from temporalio.service import RPCError

from trigger_contracts.schedules import schedule_id

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
