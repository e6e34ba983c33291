"""A backfill through the API: its runs are executions of their own, with their cause and what they repeat."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

pytestmark = pytest.mark.e2e


async def test_a_time_that_is_run_again_has_a_row_of_its_own(client: Any, eventually: Any) -> None:
    workflow_id = await client.workflow("{{trigger.payload.scheduledTime}}")
    config = {"cronExpression": "0 * * * *", "timezone": "UTC"}
    trigger = await client.trigger("schedule", config, workflow_id=workflow_id)
    path = f"/api/triggers/{trigger['id']}"
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=3)
    when = {"startAt": hour.isoformat(), "endAt": hour.isoformat()}

    async def synced() -> bool:
        shown = await client.call("GET", f"{path}/schedule", status=200)
        return bool(shown.get("live"))

    await eventually(synced)
    shown = await client.call("POST", f"{path}/schedule/backfill/preview", when, status=200)
    fire = shown["fires"][0]["executionId"]
    request = {**when, "overlapPolicy": "allowAll", "expectedFires": 1}
    ran = []
    for _ in range(2):
        started = await client.call("POST", f"{path}/schedule/backfill", request, status=202)
        execution = await client.ended(started["fires"][0]["executionId"])
        assert execution["status"] == "completed"
        ran.append(execution)
    assert len({execution["id"] for execution in ran} | {fire}) == 3
    for execution in ran:
        assert execution["cause"]["kind"] == "backfill"
        assert datetime.fromisoformat(execution["cause"]["id"]) == hour
        assert execution["repeats"] == {"kind": "backfill", "executionId": fire}
    page = await client.call("GET", f"{path}/executions", status=200)
    assert {row["id"] for row in page["items"]} == {execution["id"] for execution in ran}

    async def counted() -> bool:
        return bool((await client.call("GET", path, status=200))["triggerCount"] == 2)

    await eventually(counted)
