"""Triggers tested with a sample: what decides here, and what is said where the others are away."""

from typing import Any

import pytest

pytestmark = pytest.mark.integration

EVENT = {
    "specversion": "1.0",
    "id": "1",
    "source": "/shop",
    "type": "order.created",
    "data": {"country": "NL", "total": 120},
}


async def created(api: Any, workflow_id: str, *, kind: str, **config: Any) -> str:
    body = {"workflowId": workflow_id, "name": "t", "triggerType": kind, "config": config}
    return f"/api/triggers/{(await api.call('POST', '/api/triggers', body, status=201)).json['id']}"


def outcomes(answer: Any) -> dict[str, str]:
    return {check.get("path") or check["name"]: check["outcome"] for check in answer.json["checks"]}


async def test_an_event_is_asked_every_check_and_shows_what_was_seen(api: Any, workflow_id: str) -> None:
    path = await created(
        api,
        workflow_id,
        kind="event",
        eventType="order.*",
        source="/shop",
        filters={"data.country": "DE", "data.missing": 1},
        expression="event.data.total > 100",
    )
    answer = await api.call("POST", f"{path}/test", {"event": EVENT}, status=200)
    assert answer.json["wouldRun"] is False
    assert outcomes(answer) == {
        "enabled": "passed",
        "workspace": "not_asked",
        "eventType": "passed",
        "source": "passed",
        "data.country": "failed",
        "data.missing": "failed",
        "expression": "passed",
    }
    country, missing = (check for check in answer.json["checks"] if check["name"] == "filter")
    assert (country["expected"], country["actual"]) == ("DE", "NL")
    assert "actual" not in missing
    assert answer.json["payload"] == EVENT


async def test_a_condition_that_fails_says_why(api: Any, workflow_id: str) -> None:
    path = await created(
        api, workflow_id, kind="event", eventType="order.created", expression="event.data.sum > 1"
    )
    answer = await api.call("POST", f"{path}/test", {"event": EVENT}, status=200)
    assert answer.json["checks"][-1]["detail"] == "there is no event.data.sum"
    await api.call("POST", f"{path}/pause", status=200)
    paused = await api.call("POST", f"{path}/test", {"event": EVENT}, status=200)
    assert outcomes(paused)["enabled"] == "failed"


async def test_a_draft_is_tested_and_not_saved(api: Any, workflow_id: str) -> None:
    config = {"eventType": "order.created", "expression": "event.data.total > 100"}
    trigger = {"workflowId": workflow_id, "name": "draft", "triggerType": "event", "config": config}
    answer = await api.call("POST", "/api/triggers/test", {"trigger": trigger, "event": EVENT}, status=200)
    assert answer.json["wouldRun"] is True
    assert (await api.call("GET", "/api/triggers?name=draft", status=200)).json["items"] == []
    wrong = {**trigger, "config": {**config, "expression": "event.data.name.startswith('a')"}}
    answer = await api.call("POST", "/api/triggers/test", {"trigger": wrong, "event": EVENT}, status=422)
    assert [error["pointer"] for error in answer.json["errors"]] == ["/trigger/config/expression"]


async def test_runs_by_hand_and_schedules_show_their_payload(api: Any, workflow_id: str) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer", "default": 3}}, "required": ["m"]}
    manual = await created(api, workflow_id, kind="manual", inputSchema=schema)
    answer = await api.call("POST", f"{manual}/test", {"inputs": {"m": 1}}, status=200)
    assert (answer.json["wouldRun"], answer.json["payload"]) == (True, {"m": 1, "n": 3})
    refused = await api.call("POST", f"{manual}/test", {"inputs": {}}, status=422)
    assert refused.json["errors"][0]["pointer"].startswith("/inputs")
    schedule = await created(api, workflow_id, kind="schedule", cronExpression="0 9 * * *", input={"a": 1})
    answer = await api.call("POST", f"{schedule}/test", {}, status=200)
    assert answer.json["payload"]["input"] == {"a": 1}


@pytest.mark.parametrize(
    ("kind", "config", "sample", "pointer"),
    [
        ("event", {"eventType": "a"}, {}, "/event"),
        ("event", {"eventType": "a"}, {"event": {"id": "1"}}, "/event"),
        ("event", {"eventType": "a"}, {"event": {**EVENT, "data": "x" * 70_000}}, "/event"),
        ("event", {"eventType": "a"}, {"delivery": {}}, "/delivery"),
        ("webhook", {}, {}, "/delivery"),
        ("webhook", {}, {"event": EVENT}, "/event"),
        ("webhook", {}, {"delivery": {"body": "x", "bodyBase64": "eA=="}}, "/delivery/bodyBase64"),
        ("webhook", {}, {"delivery": {"bodyBase64": "?"}}, "/delivery/bodyBase64"),
        ("manual", {}, {"event": EVENT}, "/event"),
        ("schedule", {"cronExpression": "0 9 * * *"}, {"inputs": {}}, "/inputs"),
    ],
)
async def test_a_sample_of_the_wrong_kind_says_what_the_trigger_takes(
    api: Any, workflow_id: str, kind: str, config: dict[str, Any], sample: dict[str, Any], pointer: str
) -> None:
    path = await created(api, workflow_id, kind=kind, **config)
    answer = await api.call("POST", f"{path}/test", sample, status=422)
    assert [error["pointer"] for error in answer.json["errors"]] == [pointer]


async def test_without_the_door_a_delivery_is_not_tested_and_says_so(api: Any, workflow_id: str) -> None:
    path = await created(api, workflow_id, kind="webhook")
    recorded = {"webhookLogId": "01890000-0000-7000-8000-000000000001"}
    for sample in ({"delivery": {"body": {"a": 1}}}, recorded):
        answer = await api.call("POST", f"{path}/test", sample, status=503)
        assert "does not answer now" in answer.json["detail"]
        assert "Retry-After" in answer.headers


async def test_of_another_workspace_there_is_nothing_to_test(
    api: Any, workflow_id: str, make_token: Any
) -> None:
    path = await created(api, workflow_id, kind="manual")
    stranger = {"Authorization": f"Bearer {make_token(org='other')}"}
    await api.call("POST", f"{path}/test", {}, status=404, headers=stranger)
