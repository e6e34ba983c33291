"""What is wrong is said, and changes nothing."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from trigger_api.usecases import workflow_commands

pytestmark = pytest.mark.integration


def trigger(workflow_id: str, **more: Any) -> dict[str, Any]:
    return {"workflowId": workflow_id, "name": "t", "triggerType": "manual", "config": {}, **more}


WRONG_TRIGGERS: list[tuple[dict[str, Any], str]] = [
    ({"name": 7}, "/name"),
    ({"name": ""}, "/name"),
    ({"name": "   "}, "/name"),
    ({"name": "n" * 201}, "/name"),
    ({"name": "a\0b"}, "/name"),
    ({"enabled": "yes"}, "/enabled"),
    ({"triggerType": "cron"}, "/triggerType"),
    ({"workflowId": "7"}, "/workflowId"),
    ({"colour": "red"}, "/colour"),
    ({"config": []}, "/config"),
    ({"config": {"colour": "red"}}, "/config/colour"),
    ({"config": {"triggerType": "webhook"}}, "/config/triggerType"),
    ({"config": {"inputSchema": {"type": "x"}}}, "/config/inputSchema"),
    ({"config": {"inputSchema": {"$ref": "file:///etc/passwd"}}}, "/config/inputSchema"),
    ({"triggerType": "schedule", "config": {}}, "/config/cronExpression"),
    ({"triggerType": "schedule", "config": {"cronExpression": "* * * *"}}, "/config/cronExpression"),
    (
        {"triggerType": "schedule", "config": {"cronExpression": "* * * * *", "timezone": "Mars/Base"}},
        "/config/timezone",
    ),
    (
        {"triggerType": "schedule", "config": {"cronExpression": "* * * * *", "timezone": "../../etc"}},
        "/config/timezone",
    ),
    ({"triggerType": "webhook", "config": {"authType": "magic"}}, "/config/authType"),
    ({"triggerType": "webhook", "config": {"method": "post"}}, "/config/method"),
    (
        {"triggerType": "webhook", "config": {"allowedOrigins": ["https://a.example", "a.example/x"]}},
        "/config/allowedOrigins/1",
    ),
    ({"triggerType": "webhook", "config": {"authType": "hmac"}, "secret": "short"}, "/secret"),
    ({"triggerType": "webhook", "config": {"authType": "hmac"}, "secret": "ends-in-a-newline\n"}, "/secret"),
    ({"triggerType": "event", "config": {"eventType": "a..b"}}, "/config/eventType"),
    ({"triggerType": "event", "config": {"eventType": "a", "expression": "total >"}}, "/config/expression"),
    ({"triggerType": "event", "config": {"eventType": "a", "expression": "total > 1"}}, "/config/expression"),
    ({"triggerType": "event", "config": {"eventType": "*"}}, "/config/eventType"),
    ({"triggerType": "event", "config": {"eventType": "a", "filters": {"a b": 1}}}, "/config/filters/a b"),
]


async def test_a_wrong_trigger_is_refused_with_a_pointer(api: Any, workflow_id: str) -> None:
    for change, pointer in WRONG_TRIGGERS:
        answer = await api.call("POST", "/api/triggers", trigger(workflow_id, **change), status=422)
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json["code"] == "validation_failed"
        assert answer.json["requestId"] == answer.headers["X-Request-Id"]
        assert [error["pointer"] for error in answer.json["errors"]] == [pointer], change
    await nothing_but_the_workflow(api)


WRONG_DEFINITIONS: list[tuple[dict[str, Any], str]] = [
    ({"entryPoint": "nowhere"}, "/definition/entryPoint"),
    ({"edges": [{"source": "in", "target": "x"}]}, "/definition/edges/0/target"),
    (
        {"edges": [{"source": "in", "target": "out"}, {"source": "out", "target": "in"}]},
        "/definition/edges",
    ),
    ({"edges": []}, "/definition/nodes"),
    ({"nodes": {}}, "/definition/nodes"),
    ({"settings": {"timeout": 0}}, "/definition/settings/timeout"),
    ({"settings": {"speed": 1}}, "/definition/settings/speed"),
]


async def test_a_wrong_definition_is_refused_with_a_pointer(api: Any, definition: dict[str, Any]) -> None:
    for change, pointer in WRONG_DEFINITIONS:
        body = {"name": "W", "definition": {**definition, **change}}
        answer = await api.call("POST", "/api/workflows", body, status=422)
        assert [error["pointer"] for error in answer.json["errors"]] == [pointer], change


async def test_a_broken_template_is_refused_when_it_is_saved(api: Any, definition: dict[str, Any]) -> None:
    broken = ["{{trigger.payload", "{{ }}", "{{payload.x}}", "{{nodes.pick.output}}", "{{a b}}"]
    for value in broken:
        definition["nodes"]["out"]["config"]["value"] = {"a/b": ["fine {{trigger.name}}", value]}
        answer = await api.call("POST", "/api/workflows", {"name": "W", "definition": definition}, status=422)
        expected = "/definition/nodes/out/config/value/a~1b/1"
        assert [error["pointer"] for error in answer.json["errors"]] == [expected]


NEVER_A_VALUE: list[tuple[str, str]] = [
    ("Dear {{customer}}", "{{'{{'}}"),
    ("${{ github.ref }}", "{{'{{'}}"),
    ("{{trigger.body.id}}", "Write trigger.payload.body.id"),
    ("{{trigger.payload.labels.app.kubernetes.io/name}}", 'labels["app.kubernetes.io/name"]'),
    ("{{trigger.payload.First Name}}", '["First Name"]'),
    ("{{nodes.out.output}}", "cannot read its own output"),
    ("{{nodes.in.id}}", "Write nodes.in.output.id"),
]


async def test_a_reference_that_can_never_have_a_value_is_refused_with_what_to_write(
    api: Any, definition: dict[str, Any]
) -> None:
    for value, detail in NEVER_A_VALUE:
        definition["nodes"]["out"]["config"]["value"] = value
        answer = await api.call("POST", "/api/workflows", {"name": "W", "definition": definition}, status=422)
        (error,) = answer.json["errors"]
        assert error["pointer"] == "/definition/nodes/out/config/value"
        assert detail in error["detail"]
    for value in (
        "Dear {{'{{'}}customer}}",
        "{{trigger.payload.labels['app.kubernetes.io/name'] ?? 'none'}}",
    ):
        definition["nodes"]["out"]["config"]["value"] = value
        answer = await api.call("POST", "/api/workflows", {"name": "W", "definition": definition}, status=201)
        assert answer.json["definition"]["nodes"]["out"]["config"]["value"] == value


async def test_what_an_earlier_release_accepted_stays_and_goes_with_another_name(
    api: Any, definition: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    definition["nodes"]["out"]["config"]["value"] = "{{trigger.payload.a/b}}"
    with monkeypatch.context() as earlier:
        earlier.setattr(workflow_commands, "field_errors_of", lambda definition: [])
        body = {"name": "W", "definition": definition}
        stored = (await api.call("POST", "/api/workflows", body, status=201)).json
    path = f"/api/workflows/{stored['id']}"
    renamed = await api.call("PATCH", path, {"name": "Other"}, status=200)
    assert renamed.json["name"] == "Other"
    await api.call("PUT", path, {"name": "Other", "definition": renamed.json["definition"]}, status=200)
    answer = await api.call("PATCH", path, {"definition": {"settings": {"timeout": 7}}}, status=422)
    assert 'trigger.payload["a/b"]' in answer.json["errors"][0]["detail"]


NEVER_A_MATCH: list[tuple[dict[str, Any], str]] = [
    ({"filters": {"data.metadata.labels.app.kubernetes.io/name": "x"}}, '["app.kubernetes.io/name"]'),
    ({"filters": {"data.a\\.b": 1}}, 'data["a.b"]'),
    ({"filters": {"data.tags.*": 1}}, "names one value"),
    ({"filters": {"data.total": {"$gt": 5}}}, "event.data.total > 5.0"),
    ({"filters": {"event.data.total": 5}}, "Write data.total"),
    ({"filters": {"$.data.total": 5}}, "data.total"),
]


async def test_a_filter_that_never_matches_is_refused_with_what_to_write(api: Any, workflow_id: str) -> None:
    for config, detail in NEVER_A_MATCH:
        body = trigger(workflow_id, triggerType="event", config={"eventType": "a", **config})
        answer = await api.call("POST", "/api/triggers", body, status=422)
        (error,) = answer.json["errors"]
        assert error["pointer"].startswith("/config/filters/")
        assert detail in error["detail"]
    filters = {
        'data.labels["app.kubernetes.io/name"]': "x",
        "data.items[0].id": 1,
        "data['First Name']": "Ann",
    }
    body = trigger(workflow_id, triggerType="event", config={"eventType": "a", "filters": filters})
    answer = await api.call("POST", "/api/triggers", body, status=201)
    assert answer.json["config"]["filters"] == filters


EVENT_TYPES_REFUSED: list[tuple[str, str]] = [
    ("repo push", "a blank or a control character"),
    ("order.*.paid", "a filter on type"),
    ("order..paid", "a word missing"),
    ("x" * 501, "at most 500 characters"),
]


async def test_a_type_that_the_bus_takes_is_saved_and_any_other_refused_with_what_to_write(
    api: Any, workflow_id: str
) -> None:
    for event_type, detail in EVENT_TYPES_REFUSED:
        body = trigger(workflow_id, triggerType="event", config={"eventType": event_type})
        answer = await api.call("POST", "/api/triggers", body, status=422)
        (error,) = answer.json["errors"]
        assert error["pointer"] == "/config/eventType"
        assert detail in error["detail"]
    for event_type in (
        "com.example.bitbucket.repo:push",
        "https://example.com/order",
        "bestellung.geändert.*",
    ):
        body = trigger(workflow_id, triggerType="event", config={"eventType": event_type})
        answer = await api.call("POST", "/api/triggers", body, status=201)
        assert answer.json["config"]["eventType"] == event_type


async def test_a_key_path_in_another_notation_is_refused_with_what_to_write(
    api: Any, workflow_id: str
) -> None:
    for path, detail in (("$.id", "'$': id"), ("/id", "Write id"), ("a[*].id", "wildcard"), ("a..b", "a.b")):
        body = trigger(workflow_id, triggerType="webhook", config={"idempotencyKey": {"body": path}})
        answer = await api.call("POST", "/api/triggers", body, status=422)
        (error,) = answer.json["errors"]
        assert error["pointer"] == "/config/idempotencyKey/body"
        assert detail in error["detail"]


async def test_an_unknown_node_type_is_refused_by_name(api: Any, definition: dict[str, Any]) -> None:
    definition["nodes"]["x"] = {"type": "teleport", "name": "X", "config": {}}
    answer = await api.call("POST", "/api/workflows", {"name": "W", "definition": definition}, status=422)
    assert "teleport" in answer.json["detail"]


NO_BODIES: list[tuple[bytes, dict[str, str], int, str]] = [
    (b"{", {}, 400, "malformed_json"),
    (b"", {}, 400, "malformed_json"),
    (b"\xff\xfe", {}, 400, "malformed_json"),
    (b'{"name": NaN}', {}, 400, "malformed_json"),
    (b'{"name": "\\ud800"}', {}, 400, "malformed_json"),
    (b"[" * 100_000, {}, 400, "malformed_json"),
    (b'{"a":' * 200 + b"1" + b"}" * 200, {}, 400, "malformed_json"),
    (b"[]", {}, 422, "validation_failed"),
    (b"name=x", {"Content-Type": "application/x-www-form-urlencoded"}, 415, "unsupported_media_type"),
    (b"{}", {"Content-Encoding": "gzip"}, 415, "unsupported_media_type"),
    (b" " * (1024 * 1024 + 1), {}, 413, "body_too_large"),
]


async def test_an_invalid_body_is_refused(api: Any) -> None:
    for data, headers, status, code in NO_BODIES:
        answer = await api.call("POST", "/api/workflows", data=data, headers=headers, status=status)
        assert answer.json["code"] == code, data[:50]
        assert answer.headers["Content-Type"] == "application/problem+json"


async def test_an_id_that_names_nothing(api: Any) -> None:
    for path in ("/api/triggers", "/api/workflows"):
        for name in ("7", "not-a-uuid", "%00", "..%2f..", str(uuid4())):
            for method in ("GET", "DELETE"):
                answer = await api.call(method, f"{path}/{name}", status=404)
                assert answer.json["code"] == "not_found"


async def test_a_method_that_is_not_taken(api: Any) -> None:
    answer = await api.call("PUT", "/api/triggers", {}, status=405)
    assert answer.headers["Allow"] == "GET, HEAD, POST"


async def test_malformed_tokens_are_refused(api: Any, make_token: Any) -> None:
    now = datetime.now(UTC)
    bad = [
        "x",
        "a.b.c",
        "é",
        make_token() + "x",
        make_token(exp=now - timedelta(minutes=5)),
        make_token(nbf=now + timedelta(minutes=5)),
        make_token(iss="somebody"),
        make_token(aud="something"),
        make_token(sub=None),
        make_token(sub=""),
    ]
    for token in bad:
        answer = await api.call("GET", "/api/triggers", as_=token.encode().decode("latin-1"), status=401)
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert token not in str(answer.json)
    answer = await api.call("GET", "/api/triggers", headers={"Authorization": ""}, status=401)
    assert answer.json["code"] == "unauthenticated"


async def test_scopes(api: Any, make_token: Any) -> None:
    reader = make_token(scope="triggers:read")
    await api.call("GET", "/api/triggers", as_=reader, status=200)
    answer = await api.call("POST", "/api/workflows", {}, as_=reader, status=403)
    assert answer.json["code"] == "scope_missing"


async def nothing_but_the_workflow(api: Any) -> None:
    connection = await asyncpg.connect(api.database_url)
    assert await connection.fetchval("SELECT count(*) FROM trigger_api.trigger_events") == 1
    assert await connection.fetchval("SELECT count(*) FROM trigger_api.workflow_triggers") == 0
    await connection.close()
