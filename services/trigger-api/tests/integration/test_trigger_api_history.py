"""The log is the truth: who changed what, what was on an earlier day, and the way back."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

pytestmark = pytest.mark.integration

SCHEDULE = {"cronExpression": "0 9 * * *", "timezone": "America/New_York"}


async def create(api: Any, workflow_id: str, kind: str = "schedule", **config: Any) -> str:
    body = {"workflowId": workflow_id, "name": "T", "triggerType": kind, "config": config or SCHEDULE}
    answer = await api.call("POST", "/api/triggers", body, status=201)
    return f"/api/triggers/{answer.json['id']}"


async def test_the_history_says_what_was_and_what_is(api: Any, workflow_id: str) -> None:
    path = await create(api, workflow_id)
    patch = {"name": "Nightly", "config": {"cronExpression": "0 3 * * *", "input": {"a": 1}}}
    await api.call("PATCH", path, patch, status=200, headers={"X-Request-Id": "req-1"})
    await api.call("POST", f"{path}/pause", status=200)
    items = (await api.call("GET", f"{path}/events", status=200)).json["items"]
    paused, changed, renamed, created = items
    assert [item["type"] for item in items] == [
        "TriggerPaused",
        "TriggerConfigChanged",
        "TriggerRenamed",
        "TriggerCreated",
    ]
    assert paused["changes"] == {"/enabled": {"from": True, "to": False}}
    assert renamed["changes"] == {"/name": {"from": "T", "to": "Nightly"}}
    assert changed["changes"] == {
        "/config/cronExpression": {"from": "0 9 * * *", "to": "0 3 * * *"},
        "/config/input": {"from": None, "to": {"a": 1}},
    }
    assert changed["summary"] == 'cronExpression: "0 9 * * *" → "0 3 * * *"; input: null → {"a":1}'
    assert created["changes"]["/name"] == {"to": "T"}
    assert (changed["actor"], changed["requestId"], changed["causedBy"]) == ("ada", "req-1", None)


async def test_the_past_by_version_and_by_time(api: Any, workflow_id: str) -> None:
    path = await create(api, workflow_id)
    created = (await api.call("GET", path, status=200)).json
    await api.call("PATCH", path, {"name": "Two"}, status=200)
    await api.call("PATCH", path, {"name": "Three"}, status=200)
    await api.call("DELETE", path, status=204)
    for moment, name in (("1", "T"), ("2", "Two"), (created["createdAt"], "T")):
        past = await api.call("GET", f"{path}?asOf={moment}", status=200)
        assert past.json["name"] == name
        assert past.json["config"] == created["config"]
        assert (past.json["triggerCount"], past.json["nextScheduledAt"]) == (None, None), "not known of then"
        assert "ETag" not in past.headers, "it is no version that a change could be meant for"
    before = (datetime.now(UTC) - timedelta(days=365)).strftime("%Y-%m-%dT%H:%M:%SZ")
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    for moment in ("4", "5", "0", before, now):
        await api.call("GET", f"{path}?asOf={moment}", status=404)
    for moment in ("yesterday", "-1", "2026-01-01", ""):
        assert (await api.call("GET", f"{path}?asOf={moment}", status=400)).json["code"] == "bad_parameter"
    await api.call("GET", path, status=404)
    ended = (await api.call("GET", f"{path}/events", status=200)).json["items"][0]
    assert ended["type"] == "TriggerDeleted", "who deleted it can be seen afterwards"


async def test_what_a_deleted_workflow_takes_along_says_so(
    api: Any, workflow_id: str, definition: Any
) -> None:
    path = await create(api, workflow_id)
    await api.call("PATCH", f"/api/workflows/{workflow_id}", {"name": "Renamed"}, status=200)
    await api.call("DELETE", f"/api/workflows/{workflow_id}", status=204)
    ended = (await api.call("GET", f"{path}/events", status=200)).json["items"][0]
    assert ended["causedBy"] == {"id": workflow_id, "version": 3}
    events = (await api.call("GET", f"/api/workflows/{workflow_id}/events", status=200)).json["items"]
    assert [event["type"] for event in events] == [
        "WorkflowDeleted",
        "WorkflowRenamed",
        "WorkflowRegistered",
    ]
    past = (await api.call("GET", f"/api/workflows/{workflow_id}?asOf=1", status=200)).json
    assert (past["name"], past["definition"]["nodes"].keys()) == ("W", definition["nodes"].keys())


async def test_leading_back_appends(api: Any, workflow_id: str) -> None:
    path = await create(api, workflow_id)
    await api.call("PATCH", path, {"name": "B", "config": {"cronExpression": "@daily"}}, status=200)
    await api.call("POST", f"{path}/pause", status=200)
    reverted = await api.call("POST", f"{path}/revert", {"version": 1}, status=200)
    assert (reverted.json["name"], reverted.json["enabled"]) == ("T", True)
    assert reverted.json["config"]["cronExpression"] == "0 9 * * *"
    items = (await api.call("GET", f"{path}/events", status=200)).json["items"]
    assert len(items) == reverted.json["version"] == 7, "nothing is taken out"
    trigger_id = path.rsplit("/", 1)[1]
    assert [item["causedBy"] for item in items[:3]] == [{"id": trigger_id, "version": 1}] * 3
    again = await api.call("POST", f"{path}/revert", {"version": 1}, status=200)
    assert again.json["version"] == 7, "it is so already"
    await api.call("POST", f"{path}/revert", {"version": 2}, status=412, headers={"If-Match": '"6"'})
    await api.call("POST", f"{path}/revert", {"version": 8}, status=404)
    await api.call("POST", f"{path}/revert", {"version": 0}, status=422)
    await api.call("POST", f"/api/triggers/{uuid4()}/revert", {"version": 1}, status=404)
    await api.call("DELETE", path, status=204)
    await api.call("POST", f"{path}/revert", {"version": 1}, status=404)


async def test_leading_back_keeps_the_secret_in_force(api: Any, workflow_id: str) -> None:
    path = await create(api, workflow_id, "webhook", authType="hmac")
    await api.call("PATCH", path, {"config": {"responseFormat": "text"}}, status=200)
    rotated = (await api.call("POST", f"{path}/rotate-secret", {}, status=200)).json
    reverted = (await api.call("POST", f"{path}/revert", {"version": 1}, status=200)).json
    assert reverted["config"]["responseFormat"] == "json"
    assert reverted["webhookSecret"] is None
    items = (await api.call("GET", f"{path}/events", status=200)).json["items"]
    assert [item["type"] for item in items[:2]] == ["TriggerConfigChanged", "SecretRotated"]
    assert rotated["webhookSecret"] not in str(items)


async def test_workflows_lead_back_too(api: Any, workflow_id: str, definition: Any) -> None:
    path = f"/api/workflows/{workflow_id}"
    definition["settings"]["timeout"] = 7
    await api.call("PUT", path, {"name": "Other", "definition": definition}, status=200)
    reverted = await api.call("POST", f"{path}/revert", {"version": 1}, status=200)
    assert (reverted.json["name"], reverted.json["version"]) == ("W", 5)
    items = (await api.call("GET", f"{path}/events", status=200)).json["items"]
    assert items[0]["changes"] == {"/definition/settings/timeout": {"from": 7, "to": 300}}
    assert items[0]["causedBy"] == {"id": workflow_id, "version": 1}


async def test_an_event_of_a_newer_release_is_no_surprise(api: Any, workflow_id: str) -> None:
    path = await create(api, workflow_id)
    connection = await asyncpg.connect(api.database_url)
    await connection.execute(
        "UPDATE trigger_api.trigger_events SET schema_version = 9 WHERE type = 'TriggerCreated'"
    )
    await connection.close()
    answer = await api.call("PATCH", path, {"name": "x"}, status=503)
    assert "newer release" in answer.json["detail"]
    await api.call("GET", f"{path}/events", status=503)
    assert (await api.call("GET", path, status=200)).json["name"] == "T", "the projection still serves"


async def test_an_older_event_is_brought_up_to_its_newest_version(api: Any, workflow_id: str) -> None:
    path = await create(api, workflow_id, "webhook", authType="hmac")
    await api.call("POST", f"{path}/rotate-secret", {"overlapSeconds": 60}, status=200)
    connection = await asyncpg.connect(api.database_url)
    rotated = "WHERE type = 'SecretRotated'"
    version = await connection.fetchval(f"SELECT schema_version FROM trigger_api.trigger_events {rotated}")
    assert version == 2
    # As the first release wrote it.
    await connection.execute(
        "UPDATE trigger_api.trigger_events SET schema_version = 1,"
        f" data = (data::jsonb - 'origin')::json {rotated}"
    )
    await connection.close()
    patched = await api.call("PATCH", path, {"name": "x"}, status=200)
    assert patched.json["version"] == 3
    assert patched.json["previousSecret"]["lastUsedAt"] is None
