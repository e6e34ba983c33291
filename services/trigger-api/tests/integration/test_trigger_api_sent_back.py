"""What GET shows can be sent back; and conditions that match nothing say why."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trigger_api.usecases import trigger_commands
from trigger_validation import FieldError

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


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
TIMES = st.datetimes(datetime(2030, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


def some(required: dict[str, Any], **optional: Any) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(required, optional=optional)


SAVED: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "schedule": some(
        {"cronExpression": st.sampled_from(["0 9 * * *", "30 2 * * MON", "@daily", "0 0 L * *"])},
        timezone=st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kolkata"]),
        overlapPolicy=st.sampled_from(["skip", "bufferAll", "allowAll"]),
        dstPolicy=st.sampled_from(["literal", "once"]),
        jitterSeconds=st.integers(0, 86400),
        startAt=TIMES.map(lambda moment: moment.isoformat()),
        excludedDates=st.lists(st.dates().map(str), max_size=3, unique=True),
        input=JSON,
    ),
    "webhook": some(
        {},
        method=st.sampled_from(["GET", "POST", "DELETE"]),
        authType=st.sampled_from(["none", "hmac", "bearer", "api_key", "basic"]),
        allowedOrigins=st.just(["https://a.example"]),
        idempotencyKey=st.sampled_from([{"header": "X-Id"}, {"body": "items[0].id"}]),
        rateLimit=some({"requests": st.integers(1, 9)}, burst=st.none() | st.integers(1, 9)),
        response=some({}, status=st.integers(200, 299), body=JSON),
        filters=st.dictionaries(st.sampled_from(["body.a", 'body["a b"]', "query.x"]), JSON, max_size=2),
        rawBody=st.booleans(),
    ),
    "event": some(
        {"eventType": st.sampled_from(["order.created", "order.*", "a.b:c"])},
        source=st.none() | TEXTS,
        expression=st.sampled_from(["event.data.total > 100.0", "has(event.data.a)"]),
    ),
    "manual": some(
        {},
        inputs=st.dictionaries(TEXTS, JSON, max_size=3),
        description=st.none() | TEXTS,
        inputSchema=st.sampled_from([None, {"type": "object", "properties": {"n": {"default": 1.0}}}]),
    ),
}
TRIGGERS = st.sampled_from(sorted(SAVED)).flatmap(
    lambda kind: st.fixed_dictionaries({"triggerType": st.just(kind), "config": SAVED[kind]})
)


def reordered(value: Any) -> Any:
    """Return the same JSON as a client writes it that sorts the members of its objects."""
    match value:
        case dict():
            return {name: reordered(value[name]) for name in sorted(value)}
        case list():
            return [reordered(one) for one in value]
        case _:
            return value


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(trigger=TRIGGERS, name=TEXTS.filter(str.strip), enabled=st.booleans())
async def test_whatever_is_saved_can_be_sent_back(
    api: Any, workflow_id: str, trigger: dict[str, Any], name: str, enabled: bool
) -> None:
    body = {"workflowId": workflow_id, "name": name, "enabled": enabled, **trigger}
    saved = await api.call("POST", "/api/triggers", body)
    if saved.status == 422:
        # Some of what is made at random is no trigger: there is nothing to send back.
        return
    path = f"/api/triggers/{saved.json['id']}"
    shown = await api.call("GET", path, status=200)
    if_match = {"If-Match": shown.headers["ETag"]}
    for method in ("PUT", "PATCH"):
        for sent in (shown.json, reordered(shown.json)):
            again = await api.call(method, path, sent, status=200, headers=if_match)
            assert again.json == shown.json


async def test_what_an_older_release_accepted_can_be_sent_back_and_renamed_while_it_goes_on(
    api: Any, workflow_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    trigger = await created(api, workflow_id, kind="event", config=CONFIGS["event"])
    path = f"/api/triggers/{trigger['id']}"

    async def refused(*_: Any, **__: Any) -> list[FieldError]:
        return [FieldError("/config/eventType", "This release takes it no more.")]

    monkeypatch.setattr(trigger_commands, "config_errors", refused)
    for method in ("PUT", "PATCH"):
        shown = (await api.call("GET", path, status=200)).json
        assert (await api.call(method, path, shown, status=200)).json == shown
        await api.call(method, path, {**shown, "name": method}, status=200)
    shown = (await api.call("GET", path, status=200)).json
    other = {**shown, "config": {**shown["config"], "eventType": "order.paid"}}
    await api.call("PUT", path, other, status=422)
    paused = (await api.call("PATCH", path, {"enabled": False}, status=200)).json
    await api.call("PUT", path, {**paused, "enabled": True}, status=422)


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_a_workflow_can_be_sent_back(
    api: Any, definition: dict[str, Any], workflow_id: str, method: str
) -> None:
    path = f"/api/workflows/{workflow_id}"
    definition["nodes"]["out"]["config"]["value"] = {"a": None, "b": [{"c": None}], "d": "{{trigger.id}}"}
    await api.call("PUT", path, {"name": "W", "definition": definition}, status=200)
    shown = (await api.call("GET", path, status=200)).json
    for sent in (shown, reordered(shown)):
        assert (await api.call(method, path, sent, status=200)).json == shown
    changed = await api.call(method, path, {**shown, "name": "another"}, status=200)
    assert changed.json["definition"] == shown["definition"]
    assert changed.json["version"] == shown["version"] + 1
    stale = await api.call(method, path, {**shown, "name": "a third"}, status=412)
    assert '"3" by now' in stale.json["detail"]


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", "01890000-0000-7000-8000-000000000001"),
        ("workflowId", "01890000-0000-7000-8000-000000000001"),
        ("triggerType", "event"),
        ("webhookSecret", "a-secret-that-is-set-in-the-wrong-field"),
        ("webhookUrl", "https://elsewhere.example/api/webhooks/1"),
        ("temporalScheduleId", "trigger-1"),
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


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("triggerCount", 0),
        ("nextScheduledAt", "2030-01-01T00:00:00Z"),
        ("createdAt", "2030-01-01T00:00:00Z"),
        ("warnings", []),
    ],
)
async def test_a_computed_field_alone_is_no_request_that_succeeds(
    api: Any, workflow_id: str, method: str, field: str, value: Any
) -> None:
    """Without the id it is not what GET showed: its sender expects an effect."""
    trigger = await created(api, workflow_id, kind="schedule", config=CONFIGS["schedule"])
    body = {"name": "t", "config": trigger["config"], field: value}
    answer = await api.call(method, f"/api/triggers/{trigger['id']}", body, status=422)
    assert [error["pointer"] for error in answer.json["errors"]] == [f"/{field}"]
    assert "computed" in answer.json["errors"][0]["detail"]
    await api.call(method, f"/api/triggers/{trigger['id']}", {**body, field: None}, status=200)
    await api.call("PATCH", f"/api/workflows/{workflow_id}", {"updatedAt": value}, status=422)


@pytest.mark.parametrize("field", ["id", "version", "createdAt"])
async def test_a_workflow_that_begins_has_no_field_that_the_service_makes(
    api: Any, workflow_id: str, field: str
) -> None:
    shown = (await api.call("GET", f"/api/workflows/{workflow_id}", status=200)).json
    body = {"name": "copy", "definition": shown["definition"], field: shown[field]}
    answer = await api.call("POST", "/api/workflows", body, status=422)
    assert [error["pointer"] for error in answer.json["errors"]] == [f"/{field}"]


async def test_a_workflow_that_the_client_has_is_not_sent_again(api: Any, workflow_id: str) -> None:
    path = f"/api/workflows/{workflow_id}"
    for tag in ('"1"', 'W/"1"', '"7", W/"1"', "*"):
        answer = await api.call("GET", path, status=304, headers={"If-None-Match": tag})
        assert (answer.json, answer.headers["ETag"]) == (None, '"1"')
    await api.call("GET", path, status=200, headers={"If-None-Match": '"2"'})
    await api.call("PATCH", path, {"name": "another"}, status=200)
    await api.call("GET", path, status=200, headers={"If-None-Match": '"1"'})
    # What was does not change, and has no tag.
    await api.call("GET", f"{path}?asOf=1", status=200, headers={"If-None-Match": '"1"'})


async def test_a_trigger_is_always_sent_since_its_figures_change_without_its_version(
    api: Any, workflow_id: str
) -> None:
    trigger = await created(api, workflow_id, kind="manual", config={})
    await api.call("GET", f"/api/triggers/{trigger['id']}", status=200, headers={"If-None-Match": '"1"'})


@pytest.mark.parametrize("field", ["enabled", "secret", "name", "config"])
async def test_a_patch_does_not_pass_over_null_where_nothing_is_set_back(
    api: Any, workflow_id: str, field: str
) -> None:
    trigger = await created(api, workflow_id, kind="webhook", config=CONFIGS["webhook"])
    path = f"/api/triggers/{trigger['id']}"
    await api.call("PATCH", path, {"enabled": False}, status=200)
    answer = await api.call("PATCH", path, {field: None}, status=422)
    assert [error["pointer"] for error in answer.json["errors"]] == [f"/{field}"]
    # In the configuration null sets a field back.
    answer = await api.call("PATCH", path, {"config": {"rateLimit": None}}, status=200)
    assert (answer.json["config"]["rateLimit"], answer.json["enabled"]) == (None, False)


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
        ('"1-gzip"', "compresses"),
        ('"abc"', "never gave"),
        ("", "empty"),
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
