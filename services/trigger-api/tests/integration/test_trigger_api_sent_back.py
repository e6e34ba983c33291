"""What GET shows can be sent back; and conditions that match nothing say why."""

import re
from typing import Any

import pytest

pytestmark = pytest.mark.integration

CONFIGS: dict[str, dict[str, Any]] = {
    "schedule": {"cronExpression": "0 9 * * *", "timezone": "Europe/Berlin", "excludedDates": ["2030-12-25"]},
    "webhook": {"authType": "hmac", "filters": {"body.a": 1}, "rateLimit": {"requests": 3}},
    "event": {"eventType": "order.created", "filters": {"data.country": "NL"}},
    "manual": {"inputSchema": {"type": "object"}, "inputs": {"n": 1}},
}
PROVIDER = {"provider": "meta", "verifyToken": "a-token-of-ours"}


async def created(api: Any, workflow_id: str, *, kind: str, config: dict[str, Any]) -> Any:
    body = {"workflowId": workflow_id, "name": "t", "triggerType": kind, "config": config}
    if config.get("provider"):
        body["secret"] = "0123456789abcdef0123456789abcdef"
    return (await api.call("POST", "/api/triggers", body, status=201)).json


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
@pytest.mark.parametrize(
    ("kind", "config"), [*CONFIGS.items(), ("webhook", PROVIDER)], ids=[*CONFIGS, "provider"]
)
async def test_what_get_shows_can_be_sent_back_and_changes_nothing(
    api: Any, workflow_id: str, method: str, kind: str, config: dict[str, Any]
) -> None:
    path = f"/api/triggers/{(await created(api, workflow_id, kind=kind, config=config))['id']}"
    shown = await api.call("GET", path, status=200)
    again = await api.call(method, path, shown.json, status=200, headers={"If-Match": shown.headers["ETag"]})
    assert again.json == shown.json
    # Also one whose figures have changed by themselves since.
    older = {
        **shown.json,
        "triggerCount": 99,
        "lastTriggeredAt": None,
        "nextScheduledAt": None,
        "warnings": [],
    }
    changed = await api.call(method, path, {**older, "name": "another"}, status=200)
    assert (changed.json["name"], changed.json["version"]) == ("another", 2)
    assert changed.json["config"] == shown.json["config"]
    assert changed.json["triggerCount"] == shown.json["triggerCount"]


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_a_workflow_can_be_sent_back(api: Any, workflow_id: str, method: str) -> None:
    path = f"/api/workflows/{workflow_id}"
    shown = (await api.call("GET", path, status=200)).json
    assert (await api.call(method, path, shown, status=200)).json == shown
    changed = await api.call(method, path, {**shown, "name": "another"}, status=200)
    assert changed.json["version"] == shown["version"] + 1
    stale = await api.call(method, path, {**shown, "name": "a third"}, status=412)
    assert '"2" by now' in stale.json["detail"]


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", "01890000-0000-7000-8000-000000000001"),
        ("workflowId", "01890000-0000-7000-8000-000000000001"),
        ("triggerType", "event"),
        ("webhookSecret", "a-secret-that-is-set-in-the-wrong-field"),
        ("version", "1"),
        ("version", True),
    ],
)
async def test_what_cannot_be_changed_is_refused_where_it_differs(
    api: Any, workflow_id: str, method: str, field: str, value: Any
) -> None:
    trigger = await created(api, workflow_id, kind="webhook", config=CONFIGS["webhook"])
    body = {**trigger, "webhookSecret": None, field: value}
    answer = await api.call(method, f"/api/triggers/{trigger['id']}", body, status=422)
    assert [error["pointer"] for error in answer.json["errors"]] == [f"/{field}"]
    assert (await api.call("GET", f"/api/triggers/{trigger['id']}")).json["version"] == 1


async def test_the_version_of_a_body_is_a_condition(api: Any, workflow_id: str) -> None:
    trigger = await created(api, workflow_id, kind="manual", config={})
    path = f"/api/triggers/{trigger['id']}"
    await api.call("PATCH", path, {"name": "b", "version": 1}, status=200)
    await api.call("PATCH", path, {"name": "c", "version": 1}, status=412)
    await api.call("PATCH", path, {"name": "c", "version": 2}, status=412, headers={"If-Match": '"1"'})
    await api.call("PATCH", path, {"name": "c", "version": 2}, status=200, headers={"If-Match": '"1", "2"'})


@pytest.mark.parametrize(
    ("tag", "word"),
    [
        ('W/"1"', "compresses"),
        ('W/"1", W/"2"', "compresses"),
        ("1", "quotes"),
        ("abc", "quotes"),
        ('"1-gzip"', "-gzip"),
        ('"abc"', "numbers in quotes"),
        ('""', "numbers in quotes"),
        ('"2"', "names another"),
    ],
)
async def test_a_tag_that_matches_nothing_says_why(api: Any, workflow_id: str, tag: str, word: str) -> None:
    trigger = await created(api, workflow_id, kind="manual", config={})
    path = f"/api/triggers/{trigger['id']}"
    answer = await api.call("PATCH", path, {"name": "x"}, status=412, headers={"If-Match": tag})
    assert answer.json["code"] == "stale_version"
    assert word in answer.json["detail"]
    # A number in the text would be taken for the version to send.
    assert re.findall(r'"([0-9]+)[^"]*"', answer.json["detail"]) == ["1"]
    assert (await api.call("GET", path)).json["name"] == "t"
