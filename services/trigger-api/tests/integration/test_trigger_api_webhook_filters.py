"""Filters and expressions of webhook triggers, as they are saved."""

from typing import Any

import pytest

pytestmark = pytest.mark.integration


def webhook(workflow_id: str, **config: Any) -> dict[str, Any]:
    return {"workflowId": workflow_id, "name": "w", "triggerType": "webhook", "config": config}


@pytest.mark.parametrize(
    ("config", "pointer", "word"),
    [
        ({"filters": {"payload.body.ref": 1}}, "/config/filters/payload.body.ref", "Write body.ref"),
        ({"filters": {"ref": 1}}, "/config/filters/ref", "Write body.ref"),
        ({"filters": {"headers.X-Event": "a"}}, "/config/filters/headers.X-Event", "Write headers.x-event"),
        ({"filters": {"headers.x-api-key": "a"}}, "/config/filters/headers.x-api-key", "authType"),
        ({"filters": {"query.token": "a"}}, "/config/filters/query.token", "authType"),
        ({"filters": {"body.total": {"$gt": 5}}}, "/config/filters/body.total", "payload.body.total > 5.0"),
        ({"filters": {"body.a[": 5}}, "/config/filters/body.a[", ""),
        ({"expression": "event.data.total > 1"}, "/config/expression", "payload"),
        ({"expression": "payload.body.total"}, "/config/expression", "true or false"),
        ({"expression": "payload.body.l.map(x, x) == []"}, "/config/expression", "no bound"),
        ({"expression": "payload.body.name.startswith('a')"}, "/config/expression", "startsWith"),
    ],
)
async def test_what_can_never_match_is_refused_with_what_to_write(
    api: Any, workflow_id: str, config: dict[str, Any], pointer: str, word: str
) -> None:
    answer = await api.call("POST", "/api/triggers", webhook(workflow_id, **config), status=422)
    (error,) = answer.json["errors"]
    assert error["pointer"] == pointer
    assert word in error["detail"]


async def test_what_is_saved_is_shown_and_can_be_changed(api: Any, workflow_id: str) -> None:
    config = {
        "filters": {"body.ref": "refs/heads/main", 'body["First Name"]': None, "query.env": "prod"},
        "expression": "payload.body.commits.size() > 0 && payload.method == 'POST'",
    }
    trigger = (await api.call("POST", "/api/triggers", webhook(workflow_id, **config), status=201)).json
    assert {name: trigger["config"][name] for name in config} == config
    path = f"/api/triggers/{trigger['id']}"
    patch = {"config": {"filters": {"body.ref": "refs/heads/dev"}, "expression": None}}
    changed = (await api.call("PATCH", path, patch, status=200)).json
    assert changed["config"]["filters"]["body.ref"] == "refs/heads/dev"
    assert changed["config"]["expression"] is None
