"""Triggers over HTTP, on a real PostgreSQL and a real NATS."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import nats
import pytest
from nats.js.errors import NotFoundError

from trigger_contracts import codec, config, executions, firings, schedules, streams
from trigger_contracts.config import TriggerType
from trigger_runtime.sealing import KeyRing, Sealed

pytestmark = pytest.mark.integration

WEBHOOK = {
    "method": "POST",
    "authType": "hmac",
    "requireSignature": True,
    "allowedOrigins": ["https://github.com"],
    "responseFormat": "json",
}
CONFIGS: dict[str, dict[str, Any]] = {
    "schedule": {"cronExpression": "0 9 * * *", "timezone": "America/New_York"},
    "webhook": WEBHOOK,
    "event": {
        "eventType": "order.created",
        "source": "/shop",
        "filters": {"data.country": "NL"},
        "expression": "event.data.total > 100.0",
    },
    "manual": {"requireInputs": True, "inputSchema": {"type": "object", "required": ["n"]}},
}


async def create(api: Any, workflow_id: str, kind: str, **more: Any) -> Any:
    body = {"workflowId": workflow_id, "name": kind, "triggerType": kind, "config": CONFIGS[kind], **more}
    return await api.call("POST", "/api/triggers", body, status=201)


async def last_state(api: Any, trigger_id: str) -> config.TriggerChanged | config.TriggerChanged2 | None:
    client = await nats.connect(api.nats_url)
    try:
        message = await client.jetstream().get_last_msg("CONFIG", f"config.trigger.{trigger_id}")
        return config.TRIGGERS.decode(message.data or b"")
    except NotFoundError:
        return None
    finally:
        await client.close()


@pytest.mark.parametrize("kind", list(CONFIGS))
async def test_each_type_is_created_stored_and_announced(
    api: Any, workflow_id: str, eventually: Any, kind: str, key_ring: str
) -> None:
    created = await create(api, workflow_id, kind)
    trigger = created.json
    assert created.headers["Location"] == f"/api/triggers/{trigger['id']}"
    assert created.headers["ETag"] == '"1"'
    assert trigger["triggerType"] == kind
    assert trigger["enabled"] is True
    assert trigger["triggerCount"] == 0
    assert CONFIGS[kind].items() <= trigger["config"].items()
    is_webhook = kind == "webhook"
    assert trigger["webhookUrl"] == (
        f"https://hooks.example.com/api/webhooks/{trigger['id']}" if is_webhook else None
    )
    assert (trigger["temporalScheduleId"] == f"trigger-{trigger['id']}") is (kind == "schedule")

    read = (await api.call("GET", f"/api/triggers/{trigger['id']}", status=200)).json
    assert read == {**trigger, "webhookSecret": None}, "a secret is shown once"

    changed = await eventually(lambda: last_state(api, trigger["id"]))
    assert changed.change.event == "TriggerCreated"
    assert changed.change.actor == "ada"
    state = changed.trigger
    assert (str(state.id), state.version, state.workspace) == (trigger["id"], 1, "acme")
    assert config.trigger_type_of(state.config) == TriggerType(kind)
    assert len(state.secrets) == int(is_webhook)
    for secret in state.secrets:
        sealed = Sealed(key_id=secret.key_id, nonce=secret.nonce, ciphertext=secret.ciphertext)
        opened = KeyRing.parse(key_ring).open(sealed, belongs_to=state.id.bytes)
        assert opened.decode() == trigger["webhookSecret"]


async def test_a_secret_is_nowhere_in_the_clear(api: Any, workflow_id: str, capfd: Any) -> None:
    chosen = "a-secret-that-somebody-chose"
    created = await create(api, workflow_id, "webhook", secret=chosen)
    assert created.json["webhookSecret"] == chosen
    assert created.headers["Cache-Control"] == "no-store"
    rotated = await api.call("POST", f"/api/triggers/{created.json['id']}/rotate-secret", {}, status=200)
    new = rotated.json["webhookSecret"]
    assert new != chosen
    connection = await asyncpg.connect(api.database_url)
    stored = str(
        await connection.fetch(
            "SELECT data, metadata FROM (SELECT data::text, actor AS metadata"
            " FROM trigger_api.trigger_events) AS e"
        )
    )
    stored += str(await connection.fetch("SELECT convert_from(message, 'UTF8') FROM trigger_api.outbox"))
    stored += str([dict(row) for row in await connection.fetch("SELECT * FROM trigger_api.trigger_secrets")])
    stored += str(
        [dict(row) for row in await connection.fetch("SELECT * FROM trigger_api.workflow_triggers")]
    )
    await connection.close()
    shown = str((await api.call("GET", f"/api/triggers/{created.json['id']}/events", status=200)).json)
    for secret in (chosen, new):
        assert secret not in stored + shown + "".join(capfd.readouterr())


async def test_changes_are_events_by_intent_and_pausing_is_one(
    api: Any, workflow_id: str, eventually: Any
) -> None:
    path = f"/api/triggers/{(await create(api, workflow_id, 'schedule')).json['id']}"
    patch = {"name": "Renamed", "config": {"cronExpression": "*/5 * * * *"}}
    patched = await api.call("PATCH", path, patch, status=200, headers={"If-Match": '"1"'})
    assert patched.headers["ETag"] == '"3"'
    assert patched.json["config"]["timezone"] == "America/New_York", "a merge keeps what it does not name"
    assert (await api.call("POST", f"{path}/pause", status=200)).json["enabled"] is False
    assert (await api.call("POST", f"{path}/pause", status=200)).json["version"] == 4, "nothing to do"
    assert (await api.call("POST", f"{path}/resume", status=200)).json["enabled"] is True
    await api.call("DELETE", path, status=204)
    await api.call("GET", path, status=404)
    await api.call("DELETE", path, status=404)

    async def tombstone() -> Any:
        changed = await last_state(api, path.rsplit("/", 1)[1])
        return changed if changed and changed.trigger.deleted_at else None

    changed = await eventually(tombstone)
    assert changed.change.version == 6
    connection = await asyncpg.connect(api.database_url)
    rows = await connection.fetch(
        "SELECT type, version FROM trigger_api.trigger_events WHERE aggregate = 'trigger' ORDER BY position"
    )
    await connection.close()
    assert [row["type"] for row in rows] == [
        "TriggerCreated",
        "TriggerRenamed",
        "TriggerConfigChanged",
        "TriggerPaused",
        "TriggerResumed",
        "TriggerDeleted",
    ]
    assert [row["version"] for row in rows] == [1, 2, 3, 4, 5, 6]


async def test_a_trigger_that_an_older_release_accepted_can_be_paused_and_not_resumed(
    api: Any, workflow_id: str
) -> None:
    body = {
        "workflowId": workflow_id,
        "name": "old",
        "triggerType": "schedule",
        "config": {"cronExpression": "0 9 * * *", "timezone": "Europe/Berlin"},
    }
    path = f"/api/triggers/{(await api.call('POST', '/api/triggers', body, status=201)).json['id']}"
    connection = await asyncpg.connect(api.database_url)
    for table, column in (("trigger_events", "data"), ("workflow_triggers", "config")):
        await connection.execute(
            f"UPDATE trigger_api.{table}"
            f" SET {column} = replace({column}::text, 'Europe/Berlin', 'Europe/Atlantis')::jsonb::json"
        )
    await connection.close()
    assert (await api.call("POST", f"{path}/pause", status=200)).json["enabled"] is False
    refused = await api.call("POST", f"{path}/resume", status=422)
    assert [error["pointer"] for error in refused.json["errors"]] == ["/config/timezone"]
    assert (await api.call("GET", path, status=200)).json["enabled"] is False


async def test_put_replaces_and_the_type_is_fixed(api: Any, workflow_id: str) -> None:
    path = f"/api/triggers/{(await create(api, workflow_id, 'event')).json['id']}"
    replaced = await api.call("PUT", path, {"name": "E", "config": {"eventType": "a.*"}}, status=200)
    assert replaced.json["config"] == {"eventType": "a.*", "source": None, "filters": {}, "expression": None}
    answer = await api.call("PATCH", path, {"triggerType": "manual", "workflowId": str(uuid4())}, status=422)
    assert {item["pointer"] for item in answer.json["errors"]} == {"/triggerType", "/workflowId"}
    repeated = {
        "name": "F",
        "config": {"eventType": "a.*"},
        "workflowId": workflow_id,
        "triggerType": "event",
    }
    for method in ("PUT", "PATCH"):
        assert (await api.call(method, path, repeated, status=200)).json["name"] == "F"


async def test_an_odd_secret_is_taken_with_a_warning(api: Any, workflow_id: str) -> None:
    body = {
        "workflowId": workflow_id,
        "name": "w",
        "triggerType": "webhook",
        "config": {"provider": "github"},
        "secret": "It's a Secret to Everybody",
    }
    created = await api.call("POST", "/api/triggers", body, status=201)
    assert [warning["pointer"] for warning in created.json["warnings"]] == ["/secret"]
    path = f"/api/triggers/{created.json['id']}"
    assert (await api.call("GET", path, status=200)).json["warnings"] == []
    odd = await api.call("POST", f"{path}/rotate-secret", {"secret": "caf\u00e9 and a password"}, status=200)
    assert len(odd.json["warnings"]) == 2
    refused = await api.call("POST", f"{path}/rotate-secret", {"secret": "ends-with-a-break\n"}, status=422)
    assert "line break" in refused.json["errors"][0]["detail"]
    basic = {**body, "config": {"authType": "basic"}, "secret": "no-user-in-this-one"}
    refused = await api.call("POST", "/api/triggers", basic, status=422)
    assert "Example: shop:" in refused.json["errors"][0]["detail"]
    basic.pop("secret")
    assert (
        (await api.call("POST", "/api/triggers", basic, status=201))
        .json["webhookSecret"]
        .startswith("webhook:")
    )


async def test_a_webhook_that_begins_to_need_a_secret_gets_one(api: Any, workflow_id: str) -> None:
    body = {"workflowId": workflow_id, "name": "w", "triggerType": "webhook", "config": {}}
    created = await api.call("POST", "/api/triggers", body, status=201)
    assert created.json["webhookSecret"] is None
    path = f"/api/triggers/{created.json['id']}"
    patched = await api.call("PATCH", path, {"config": {"authType": "bearer"}}, status=200)
    assert patched.json["webhookSecret"]
    events = (await api.call("GET", f"{path}/events", status=200)).json["items"]
    assert [event["type"] for event in events] == ["TriggerConfigChanged", "SecretRotated", "TriggerCreated"]
    assert (await api.call("PATCH", path, {"name": "v"}, status=200)).json["webhookSecret"] is None


async def test_conditions_and_concurrent_writers(api: Any, workflow_id: str) -> None:
    path = f"/api/triggers/{(await create(api, workflow_id, 'manual')).json['id']}"
    stale = await api.call("PATCH", path, {"name": "x"}, status=412, headers={"If-Match": '"9"'})
    assert stale.json["code"] == "stale_version"
    await api.call("PATCH", path, {"name": "x"}, status=412, headers={"If-Match": 'W/"1"'})
    racers = [api.call("PATCH", path, {"name": f"name {n}"}, headers={"If-Match": '"1"'}) for n in range(8)]
    statuses = sorted(answer.status for answer in await asyncio.gather(*racers))
    assert statuses == [200] + [412] * 7, "one condition can be true once"
    free = [api.call("PATCH", path, {"name": f"free {n}"}) for n in range(4)]
    assert {answer.status for answer in await asyncio.gather(*free)} == {200}
    events = (await api.call("GET", f"{path}/events", status=200)).json["items"]
    assert [event["version"] for event in events] == list(range(len(events), 0, -1))


# Each append counts itself (a sequence is not rolled back), and the first ones find that others were faster.
LOSE_RACES = """
CREATE SEQUENCE trigger_api.appends;
CREATE FUNCTION trigger_api.lose() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF nextval('trigger_api.appends') <= {races} THEN
        RAISE unique_violation;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER lose BEFORE INSERT ON trigger_api.trigger_events
FOR EACH ROW EXECUTE FUNCTION trigger_api.lose();
"""


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
@pytest.mark.parametrize("collection", ["triggers", "workflows"])
async def test_a_change_without_a_condition_gives_up_after_five_lost_races(
    api: Any, workflow_id: str, definition: dict[str, Any], method: str, collection: str
) -> None:
    body: dict[str, Any] = {"name": "changed"}
    if collection == "triggers":
        path = f"/api/triggers/{(await create(api, workflow_id, 'event')).json['id']}"
        body |= {"config": CONFIGS["event"]} if method == "PUT" else {}
    else:
        path = f"/api/workflows/{workflow_id}"
        body |= {"definition": definition} if method == "PUT" else {}
    connection = await asyncpg.connect(api.database_url)
    try:
        await connection.execute(LOSE_RACES.format(races=9))
        refused = await api.call(method, path, body, status=409)
        assert refused.json["code"] == "conflict"
        assert await connection.fetchval("SELECT last_value FROM trigger_api.appends") == 5
        shown = await api.call("GET", path, status=200)
        assert (shown.json["version"], shown.json["name"] == "changed") == (1, False)
        # Four more are lost now, and the fifth try wins.
        changed = await api.call(method, path, body, status=200)
        assert (changed.json["version"], changed.json["name"]) == (2, "changed")
        assert await connection.fetchval("SELECT last_value FROM trigger_api.appends") == 10
    finally:
        await connection.close()


async def test_execute_is_stored_before_it_is_answered(api: Any, workflow_id: str) -> None:
    path = f"/api/triggers/{(await create(api, workflow_id, 'manual')).json['id']}"
    missing = await api.call("POST", f"{path}/execute", status=422)
    assert missing.json["errors"] == [{"pointer": "/inputs", "detail": "This trigger requires inputs."}]
    wrong = await api.call("POST", f"{path}/execute", {"inputs": {"m": 1}}, status=422)
    assert "required" in wrong.json["errors"][0]["detail"]
    answer = await api.call("POST", f"{path}/execute", {"inputs": {"n": 1}}, status=202)
    client = await nats.connect(api.nats_url)
    message = await client.jetstream().get_last_msg("FIRINGS", streams.FIRINGS_MANUAL)
    await client.close()
    firing = firings.MANUAL.decode(message.data or b"")
    assert str(firing.execution_id) == answer.json["executionId"]
    assert firing.inputs == {"n": 1}
    await api.call("POST", f"{path}/pause", status=200)
    refused = await api.call("POST", f"{path}/execute", {"inputs": {"n": 1}}, status=409)
    assert refused.json["code"] == "trigger_disabled"


async def test_counts_and_next_times_follow_the_bus_once(api: Any, workflow_id: str, eventually: Any) -> None:
    trigger_id = UUID((await create(api, workflow_id, "schedule")).json["id"])
    at, later = datetime(2026, 1, 1, tzinfo=UTC), datetime(2099, 1, 1, tzinfo=UTC)
    started = executions.ExecutionStarted(
        execution=executions.Execution(
            id=uuid4(),
            workspace="acme",
            trigger_id=trigger_id,
            trigger_type=TriggerType.SCHEDULE,
            trigger_name="s",
            workflow_id=UUID(workflow_id),
            cause=executions.Cause(kind=executions.CauseKind.SCHEDULE, id="x"),
            accepted_at=at,
        ),
        at=at,
        temporal_workflow_id="w",
        temporal_run_id="r",
        workflow_version=1,
        payload=None,
    )
    synced = schedules.ScheduleSynced(
        trigger_id=trigger_id,
        trigger_version=1,
        schedule_id=f"trigger-{trigger_id}",
        at=at,
        next_fire_times=(at, later),
    )
    client = await nats.connect(api.nats_url)
    js = client.jetstream()
    await js.publish(streams.execution("started"), b"not a message")
    await js.publish(streams.execution("started"), codec.encode(started))
    await js.publish(streams.execution("started"), codec.encode(started))
    await js.publish(streams.schedule(trigger_id), codec.encode(synced))
    await client.close()

    async def followed() -> Any:
        found = (await api.call("GET", f"/api/triggers/{trigger_id}", status=200)).json
        return found if found["triggerCount"] == 2 and found["nextScheduledAt"] else None

    found = await eventually(followed)
    assert found["nextScheduledAt"] == "2099-01-01T00:00:00Z"
    assert found["lastTriggeredAt"] == "2026-01-01T00:00:00Z"


async def test_lists_filter_and_page(api: Any, workflow_id: str) -> None:
    made = [(await create(api, workflow_id, kind, enabled=kind != "event")).json["id"] for kind in CONFIGS]
    seen: list[str] = []
    cursor = ""
    while True:
        page = (await api.call("GET", f"/api/triggers?limit=3{cursor}", status=200)).json
        seen += [item["id"] for item in page["items"]]
        if page["nextCursor"] is None:
            break
        cursor = f"&cursor={page['nextCursor']}"
    assert sorted(seen) == sorted(made)
    for query, kinds in {
        "type=webhook": ["webhook"],
        "enabled=false": ["event"],
        f"workflowId={uuid4()}": [],
    }.items():
        items = (await api.call("GET", f"/api/triggers?{query}", status=200)).json["items"]
        assert [item["triggerType"] for item in items] == kinds
    for query in ("type=x", "enabled=1", "workflowId=7", "limit=0", "limit=٣", "cursor=!", "colour=red"):
        assert (await api.call("GET", f"/api/triggers?{query}", status=400)).json["code"] == "bad_parameter"


async def test_deleting_a_workflow_retires_its_triggers(api: Any, workflow_id: str, eventually: Any) -> None:
    trigger_id = (await create(api, workflow_id, "webhook")).json["id"]
    await api.call("DELETE", f"/api/workflows/{workflow_id}", status=204)
    await api.call("GET", f"/api/triggers/{trigger_id}", status=404)
    body = {"workflowId": workflow_id, "name": "late", "triggerType": "manual"}
    await api.call("POST", "/api/triggers", body, status=404)

    async def gone() -> bool:
        changed = await last_state(api, trigger_id)
        return changed is not None and changed.trigger.deleted_at is not None

    await eventually(gone)


async def test_another_workspaces_data_does_not_exist(
    api: Any, workflow_id: str, make_token: Any, definition: Any
) -> None:
    trigger_id = (await create(api, workflow_id, "manual")).json["id"]
    eve = make_token(sub="eve", org="evil")
    bodies: dict[tuple[str, str], Any] = {
        ("GET", f"/api/triggers/{trigger_id}"): None,
        ("PUT", f"/api/triggers/{trigger_id}"): {"name": "x", "config": {}},
        ("PATCH", f"/api/triggers/{trigger_id}"): {"name": "x"},
        ("DELETE", f"/api/triggers/{trigger_id}"): None,
        ("POST", f"/api/triggers/{trigger_id}/pause"): None,
        ("POST", f"/api/triggers/{trigger_id}/resume"): None,
        ("POST", f"/api/triggers/{trigger_id}/rotate-secret"): None,
        ("POST", f"/api/triggers/{trigger_id}/execute"): {"inputs": {"n": 1}},
        ("GET", f"/api/triggers/{trigger_id}/events"): None,
        ("GET", f"/api/workflows/{workflow_id}"): None,
        ("PUT", f"/api/workflows/{workflow_id}"): {"name": "x", "definition": definition},
        ("PATCH", f"/api/workflows/{workflow_id}"): {"name": "x"},
        ("DELETE", f"/api/workflows/{workflow_id}"): None,
        ("POST", "/api/triggers"): {"workflowId": workflow_id, "name": "x", "triggerType": "manual"},
    }
    for (method, path), body in bodies.items():
        answer = await api.call(method, path, body, as_=eve, status=404)
        assert answer.json["code"] == "not_found"
    for path in ("/api/triggers", "/api/workflows"):
        assert (await api.call("GET", path, as_=eve, status=200)).json["items"] == []
    events = (await api.call("GET", f"/api/triggers/{trigger_id}/events", status=200)).json["items"]
    assert len(events) == 1, "nothing was changed"


async def test_a_recreated_bus_is_followed_from_its_start(
    api: Any, workflow_id: str, eventually: Any
) -> None:
    trigger_id = UUID((await create(api, workflow_id, "schedule")).json["id"])
    client = await nats.connect(api.nats_url)
    js = client.jetstream()

    async def say(moment: datetime, version: int) -> None:
        fact = schedules.ScheduleSynced(
            trigger_id=trigger_id,
            trigger_version=version,
            schedule_id=f"trigger-{trigger_id}",
            at=moment,
            next_fire_times=(moment,),
        )
        await js.publish(streams.schedule(trigger_id), codec.encode(fact))

    async def shows(moment: str) -> bool:
        found = (await api.call("GET", f"/api/triggers/{trigger_id}", status=200)).json
        return bool(found["nextScheduledAt"] == moment)

    for _ in range(20):
        await say(datetime(2099, 1, 1, tzinfo=UTC), 1)
    await eventually(lambda: shows("2099-01-01T00:00:00Z"))
    info = await js.stream_info("SCHEDULES")
    await js.delete_stream("SCHEDULES")
    await js.add_stream(info.config)
    await say(datetime(2099, 2, 2, tzinfo=UTC), 2)
    await eventually(lambda: shows("2099-02-02T00:00:00Z"))
    refused = schedules.ScheduleSyncFailed(
        trigger_id=trigger_id,
        trigger_version=3,
        schedule_id=f"trigger-{trigger_id}",
        at=datetime(2026, 1, 1, tzinfo=UTC),
        reason="Temporal says no",
    )
    await js.publish(streams.schedule(trigger_id), codec.encode(refused))

    async def says_why() -> bool:
        found = (await api.call("GET", f"/api/triggers/{trigger_id}", status=200)).json
        assert found["nextScheduledAt"] == "2099-02-02T00:00:00Z", "Temporal goes on with what it has"
        return bool(found["scheduleError"] == "Temporal says no")

    await eventually(says_why)
    await client.close()


async def test_what_is_stored_is_bounded_however_it_was_built_up(
    api: Any, workflow_id: str, definition: Any
) -> None:
    # Half a megabyte as sent is over a megabyte as stored, and a merge patch adds to what is there.
    definition["nodes"]["out"]["config"]["value"] = "many"
    sent = json.dumps({"name": "W", "definition": definition})
    data = sent.replace('"many"', f"[{','.join(['1e15'] * 80_000)}]").encode()
    assert len(data) < 500_000
    answer = await api.call("POST", "/api/workflows", data=data, status=422)
    assert [error["pointer"] for error in answer.json["errors"]] == ["/definition"]
    path = f"/api/triggers/{(await create(api, workflow_id, 'event')).json['id']}"
    await api.call("PATCH", path, {"config": {"filters": {"a": "x" * 200_000}}}, status=200)
    answer = await api.call("PATCH", path, {"config": {"filters": {"b": "x" * 200_000}}}, status=422)
    assert [error["pointer"] for error in answer.json["errors"]] == ["/config"]
    assert (await api.call("GET", path, status=200)).json["version"] == 2


async def test_a_history_comes_in_pages(api: Any, workflow_id: str) -> None:
    path = f"/api/triggers/{(await create(api, workflow_id, 'manual')).json['id']}"
    for number in range(6):
        await api.call("PATCH", path, {"name": f"n{number}"}, status=200)
    versions: list[int] = []
    cursor = ""
    while True:
        page = (await api.call("GET", f"{path}/events?limit=3{cursor}", status=200)).json
        versions += [event["version"] for event in page["items"]]
        if page["nextCursor"] is None:
            break
        cursor = f"&cursor={page['nextCursor']}"
    assert versions == [7, 6, 5, 4, 3, 2, 1]


async def test_numbers_come_back_as_they_were_sent(api: Any, workflow_id: str) -> None:
    body = {
        "workflowId": workflow_id,
        "name": "t",
        "triggerType": "manual",
        "config": {"inputs": {"n": 1e300}},
    }
    created = await api.call("POST", "/api/triggers", body, status=201)
    read = await api.call("GET", f"/api/triggers/{created.json['id']}", status=200)
    assert read.json["config"]["inputs"] == {"n": 1e300}
    assert int(read.headers["Content-Length"]) < 1000


async def test_a_change_of_the_json_type_alone_is_a_change(
    api: Any, workflow_id: str, definition: Any
) -> None:
    path = f"/api/triggers/{(await create(api, workflow_id, 'event')).json['id']}"
    version = 1
    for value in (1, True, 1.0, "1"):
        patched = await api.call("PATCH", path, {"config": {"filters": {"data.x": value}}}, status=200)
        stored = patched.json["config"]["filters"]["data.x"]
        assert (stored, type(stored)) == (value, type(value))
        version += 1
        assert patched.json["version"] == version
    definition["nodes"]["out"]["config"]["value"] = 1
    body = {"name": "W", "definition": definition}
    await api.call("PUT", f"/api/workflows/{workflow_id}", body, status=200)
    definition["nodes"]["out"]["config"]["value"] = True
    changed = await api.call("PUT", f"/api/workflows/{workflow_id}", body, status=200)
    assert changed.json["definition"]["nodes"]["out"]["config"]["value"] is True


async def test_a_run_by_hand_with_a_key_is_one_run(api: Any, workflow_id: str) -> None:
    path = f"/api/triggers/{(await create(api, workflow_id, 'webhook')).json['id']}/execute"
    key = {"Idempotency-Key": "order 17"}
    first, again = [await api.call("POST", path, status=202, headers=key) for _ in range(2)]
    other = await api.call("POST", path, status=202, headers={"Idempotency-Key": "order 18"})
    assert first.json == again.json != other.json
    for bad in ("", "x" * 256, "caf\u00e9"):
        answer = await api.call("POST", path, status=400, headers={"Idempotency-Key": bad})
        assert answer.json["code"] == "bad_idempotency_key"


async def test_authentication_is_not_dropped_by_leaving_it_out(api: Any, workflow_id: str) -> None:
    path = f"/api/triggers/{(await create(api, workflow_id, 'webhook')).json['id']}"
    for method, body, pointer in (
        ("PUT", {"name": "x"}, "/config"),
        ("PUT", {"name": "x", "config": {}}, "/config/authType"),
        ("PATCH", {"config": None}, "/config"),
        ("PATCH", {"config": {"authType": None}}, "/config/authType"),
    ):
        answer = await api.call(method, path, body, status=422)
        assert [error["pointer"] for error in answer.json["errors"]] == [pointer]
    await api.call("POST", f"{path}/pause", status=200)
    replaced = await api.call("PUT", path, {"name": "x", "config": {"authType": "none"}}, status=200)
    assert replaced.json["config"]["authType"] == "none"
    assert replaced.json["enabled"] is False, "a paused trigger stays paused where nothing else is said"


async def test_a_bus_that_was_restored_from_a_copy_is_followed_from_where_it_ends(
    api: Any, workflow_id: str, eventually: Any
) -> None:
    """The copy keeps the stream's creation time, and ends before what was already counted."""
    trigger_id = UUID((await create(api, workflow_id, "manual")).json["id"])
    connection = await asyncpg.connect(api.database_url)

    async def followed() -> bool:
        kept = "SELECT count(*) FROM trigger_api.stream_positions WHERE stream_created <> ''"
        return bool(await connection.fetchval(kept) == 4)

    await eventually(followed)
    await connection.execute("UPDATE trigger_api.stream_positions SET position = 1000")
    await connection.close()
    client = await nats.connect(api.nats_url)
    js = client.jetstream()
    # The follower looks again when its consumer is gone, as it is after a restore.
    for consumer in await js.consumers_info("SCHEDULES"):
        await js.delete_consumer("SCHEDULES", consumer.name)
    fact = schedules.ScheduleSyncFailed(
        trigger_id=trigger_id,
        trigger_version=1,
        schedule_id="s",
        at=datetime(2026, 1, 1, tzinfo=UTC),
        reason="after the restore",
    )

    async def seen() -> bool:
        await js.publish(streams.schedule(trigger_id), codec.encode(fact))
        found = (await api.call("GET", f"/api/triggers/{trigger_id}", status=200)).json
        return bool(found["scheduleError"] == "after the restore")

    await eventually(seen)
    await client.close()
