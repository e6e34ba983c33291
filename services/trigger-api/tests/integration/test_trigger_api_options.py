"""Configurations as their users write them: everything that is wrong at once, presets, and secrets."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import nats
import pytest

from trigger_contracts import codec, schedules

pytestmark = pytest.mark.integration


def pointers(answer: Any) -> set[str]:
    return {error["pointer"] for error in answer.json["errors"]}


async def test_every_error_is_reported_at_once(api: Any, workflow_id: str) -> None:
    body = {
        "workflowId": "no-id",
        "name": " ",
        "triggerType": "schedule",
        "enabeld": True,
        "config": {
            "cronExpression": "0 25 * * *",
            "timezone": "Mars/Olympus",
            "overlapPolicy": "never",
            "catchupWindowSeconds": 1,
            "jitter": 5,
        },
    }
    answer = await api.call("POST", "/api/triggers", body, status=422)
    assert pointers(answer) == {
        "/workflowId",
        "/name",
        "/enabeld",
        "/config/cronExpression",
        "/config/timezone",
        "/config/overlapPolicy",
        "/config/catchupWindowSeconds",
        "/config/jitter",
    }
    assert "(at position 2)" in next(
        error["detail"] for error in answer.json["errors"] if error["pointer"] == "/config/cronExpression"
    )
    assert (await api.call("GET", "/api/triggers", status=200)).json["items"] == [], "nothing has changed"
    answer = await api.call("POST", "/api/triggers", {"triggerType": "telepathy", "name": 5}, status=422)
    assert pointers(answer) == {"/triggerType", "/name", "/workflowId"}


async def test_a_change_is_checked_as_a_whole_too(api: Any, workflow_id: str) -> None:
    body = {"workflowId": workflow_id, "name": "w", "triggerType": "webhook", "config": {"authType": "hmac"}}
    path = f"/api/triggers/{(await api.call('POST', '/api/triggers', body, status=201)).json['id']}"
    patch = {"name": "", "config": {"allowedOrigins": ["https://a.example/x"], "method": "BREW", "x": 1}}
    answer = await api.call("PATCH", path, patch, status=422)
    assert pointers(answer) == {"/name", "/config/method", "/config/allowedOrigins/0", "/config/x"}
    answer = await api.call("PUT", path, {"config": {"triggerType": "webhook"}}, status=422)
    assert pointers(answer) == {"/name", "/config/triggerType"}
    answer = await api.call("PUT", path, {"name": "w", "config": {"triggerType": "webhook"}}, status=422)
    assert pointers(answer) == {"/config/triggerType"}
    assert (await api.call("GET", path, status=200)).json["version"] == 1


async def test_a_providers_secret_comes_from_the_side_that_generates_it(
    api: Any, workflow_id: str, capfd: Any
) -> None:
    stripe = {
        "workflowId": workflow_id,
        "name": "Stripe",
        "triggerType": "webhook",
        "config": {"provider": "stripe"},
    }
    answer = await api.call("POST", "/api/triggers", stripe, status=422)
    assert pointers(answer) == {"/secret"}
    odd = await api.call("POST", "/api/triggers", {**stripe, "secret": "not-a-stripe-secret"}, status=201)
    assert [warning["pointer"] for warning in odd.json["warnings"]] == ["/secret"]
    assert "not-a-stripe-secret" not in str(odd.json["warnings"])
    answer = await api.call("POST", "/api/triggers", {**stripe, "secret": "not-a-secret"}, status=422)
    assert pointers(answer) == {"/secret"}
    assert "not-a-secret" not in str(answer.json)
    secret = "whsec_" + "a1B2" * 8
    created = await api.call("POST", "/api/triggers", {**stripe, "secret": secret}, status=201)
    assert created.json["webhookSecret"] == secret
    path = f"/api/triggers/{created.json['id']}"
    assert (await api.call("GET", path, status=200)).json["webhookSecret"] is None
    answer = await api.call("POST", f"{path}/rotate-secret", {"overlapSeconds": 60}, status=422)
    assert pointers(answer) == {"/secret"}, "only Stripe can make up another one"
    other = "whsec_" + "c3D4" * 8
    rotated = await api.call(
        "POST", f"{path}/rotate-secret", {"overlapSeconds": 60, "secret": other}, status=200
    )
    assert rotated.json["webhookSecret"] == other
    third = "whsec_" + "e5F6" * 8
    patched = await api.call("PATCH", path, {"secret": third}, status=200)
    assert (patched.json["webhookSecret"], patched.json["version"]) == (third, 3)
    answer = await api.call("PATCH", path, {"secret": "short"}, status=422)
    assert pointers(answer) == {"/secret"}
    github = {**stripe, "config": {"provider": "github"}}
    made = (await api.call("POST", "/api/triggers", github, status=201)).json["webhookSecret"]
    assert len(made) >= 40
    connection = await asyncpg.connect(api.database_url)
    everything = str(await connection.fetch("SELECT data FROM trigger_api.trigger_events"))
    everything += str(await connection.fetch("SELECT convert_from(message, 'UTF8') FROM trigger_api.outbox"))
    await connection.close()
    everything += "".join(capfd.readouterr())
    for text in (secret, other, third, made, "not-a-stripe-secret"):
        assert text not in everything


async def test_a_handshakes_token_is_kept_as_its_hash(api: Any, workflow_id: str) -> None:
    body = {
        "workflowId": workflow_id,
        "name": "Meta",
        "triggerType": "webhook",
        "config": {"provider": "meta", "verifyToken": "a-token-that-we-chose"},
        "secret": "0123456789abcdef" * 2,
    }
    created = await api.call("POST", "/api/triggers", body, status=201)
    kept = created.json["config"]["verifyToken"]
    assert kept.startswith("sha256:")
    path = f"/api/triggers/{created.json['id']}"
    again = await api.call("PATCH", path, {"name": "Meta 2"}, status=200)
    assert again.json["config"]["verifyToken"] == kept
    connection = await asyncpg.connect(api.database_url)
    stored = str(await connection.fetch("SELECT data FROM trigger_api.trigger_events"))
    await connection.close()
    assert "a-token-that-we-chose" not in stored


async def test_only_webhooks_take_a_secret(api: Any, workflow_id: str) -> None:
    for kind, config in (("manual", {}), ("schedule", {"cronExpression": "@daily"})):
        body = {
            "workflowId": workflow_id,
            "name": "t",
            "triggerType": kind,
            "config": config,
            "secret": "a" * 20,
        }
        assert pointers(await api.call("POST", "/api/triggers", body, status=422)) == {"/secret"}
    body = {"workflowId": workflow_id, "name": "w", "triggerType": "webhook", "secret": "a" * 20}
    assert pointers(await api.call("POST", "/api/triggers", body, status=422)) == {"/secret"}
    open_door = await api.call(
        "POST",
        "/api/triggers",
        {"workflowId": workflow_id, "name": "w", "triggerType": "webhook"},
        status=201,
    )
    path = f"/api/triggers/{open_door.json['id']}/rotate-secret"
    assert (await api.call("POST", path, status=409)).json["code"] == "secret_not_used"


async def test_names_are_found_by_a_part_of_them(api: Any, workflow_id: str) -> None:
    for name in ("Daily report", "daily_50%", "Other"):
        body = {"workflowId": workflow_id, "name": name, "triggerType": "manual"}
        await api.call("POST", "/api/triggers", body, status=201)

    async def found(query: str, path: str = "/api/triggers") -> list[str]:
        items = (await api.call("GET", f"{path}?name={query}", status=200)).json["items"]
        return sorted(item["name"] for item in items)

    assert await found("DAILY") == ["Daily report", "daily_50%"]
    assert await found("y_5") == ["daily_50%"], "no character is a wildcard"
    assert await found("0%25") == ["daily_50%"]
    assert await found("%5C") == []
    assert await found("W", "/api/workflows") == ["W"]
    assert await found("W&limit=1", "/api/workflows") == ["W"]
    await api.call("GET", "/api/triggers?name=", status=400)


async def test_previews_tell_when_a_schedule_would_fire(api: Any) -> None:
    body = {"cronExpression": "30 2 * * *", "timezone": "Europe/Amsterdam", "count": 3}
    preview = (await api.call("POST", "/api/schedules/preview", body, status=200)).json
    assert len(preview["fireTimes"]) == 3
    assert all(item["local"][11:19] == "02:30:00" for item in preview["fireTimes"])
    assert all(item["utc"].endswith("Z") for item in preview["fireTimes"])
    assert preview["description"] == "At 02:30, every day, Europe/Amsterdam"
    assert {item["kind"] for item in preview["warnings"]} >= {"skipped"}
    ended = {**body, "endAt": "2020-01-01T00:00:00Z"}
    assert (await api.call("POST", "/api/schedules/preview", ended, status=200)).json["fireTimes"] == []
    wrong = {"cronExpression": "61 * * * *", "timezone": "Nowhere", "count": 0, "x": 1}
    answer = await api.call("POST", "/api/schedules/preview", wrong, status=422)
    assert pointers(answer) == {"/cronExpression", "/timezone", "/count", "/x"}
    wrong = {"cronExpression": "61 * * * *", "timezone": "Nowhere"}
    answer = await api.call("POST", "/api/schedules/preview", wrong, status=422)
    assert pointers(answer) == {"/cronExpression", "/timezone"}


async def test_too_many_excluded_fires_are_refused_where_they_were_chosen(api: Any, workflow_id: str) -> None:
    """Temporal would go through them one by one, for minutes, each time that it looks for the next one."""
    first = date(2027, 1, 1)
    config = {
        "cronExpression": "* * * * *",
        "additionalExpressions": ["30 9 LW * *"],
        "excludedDates": [f"{first + timedelta(days=number)}" for number in range(366)],
    }
    body = {"workflowId": workflow_id, "name": "s", "triggerType": "schedule", "config": config}
    answer = await api.call("POST", "/api/triggers", body, status=422)
    assert pointers(answer) == {"/config/excludedDates"}
    answer = await api.call("POST", "/api/schedules/preview", config, status=422)
    assert pointers(answer) == {"/excludedDates"}
    del config["additionalExpressions"]
    await api.call("POST", "/api/triggers", body, status=201)
    preview = (await api.call("POST", "/api/schedules/preview", config, status=200)).json
    assert preview["fireTimes"]


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"timezone": "Mars/Olympus"}, "/config/timezone"),
        ({"cronExpression": "0 9 * *"}, "/config/cronExpression"),
        ({"startAt": "2031-01-01T00:00:00Z", "endAt": "2030-01-01T00:00:00Z"}, "/config/endAt"),
        ({"cronExpression": "30 1 * * *", "timezone": "America/New_York"}, "/config/dstPolicy"),
        ({"cronExpression": "31 2 * * *"}, None),
    ],
)
async def test_a_change_to_what_has_to_be_worked_out_is_answered(
    api: Any, workflow_id: str, change: dict[str, str], pointer: str | None
) -> None:
    config = {"cronExpression": "0 9 * * *", "timezone": "Europe/Berlin"}
    body = {"workflowId": workflow_id, "name": "s", "triggerType": "schedule", "config": config}
    path = f"/api/triggers/{(await api.call('POST', '/api/triggers', body, status=201)).json['id']}"
    patch = {"config": {**change, "dstPolicy": "shift", "excludedDates": ["2030-12-25"]}}
    async with asyncio.timeout(30):
        answer = await api.call("PATCH", path, patch, status=422 if pointer else 200)
    if pointer:
        assert pointers(answer) == {pointer}


@pytest.mark.usefixtures("no_timetables_cached")
async def test_others_are_served_while_a_timetable_is_worked_out(api: Any, workflow_id: str) -> None:
    """This one takes about two seconds of the processor, and is refused in the end."""
    config = {
        "cronExpression": "* 0-22 * * *",
        "additionalExpressions": ["* 0-21 * * *", "* 1-22 * * *"],
        "timezone": "Europe/Berlin",
        "dstPolicy": "shift",
    }
    body = {"workflowId": workflow_id, "name": "s", "triggerType": "schedule", "config": config}
    working = asyncio.create_task(api.call("POST", "/api/triggers", body, status=422))
    served = 0
    while not working.done():
        await api.call("GET", "/api/triggers", status=200)
        served += not working.done()
    assert pointers(await working) == {"/config/dstPolicy"}
    assert served > 5, served


@pytest.mark.parametrize(
    ("workspace", "expression", "warned"),
    [
        *(("acme", "* * * * *", True), ("acme", "*/5 * * * *", False), ("busy", "* * * * *", False)),
        *(("calm", "0 * * * *", True), ("calm", "0 */2 * * *", False)),
    ],
)
async def test_each_workspace_has_its_own_measure_of_a_busy_day(
    api: Any, make_token: Any, workspace: str, expression: str, warned: bool
) -> None:
    body = {"cronExpression": expression, "timezone": "UTC"}
    mine = make_token(org=workspace)
    preview = (await api.call("POST", "/api/schedules/preview", body, status=200, as_=mine)).json
    assert ("busy_day" in {item["kind"] for item in preview["warnings"]}) is warned


async def test_a_saved_schedule_is_previewed_as_it_is(api: Any, workflow_id: str, make_token: Any) -> None:
    config = {
        "cronExpression": "0 9 * * 1-5",
        "timezone": "Europe/Amsterdam",
        "excludedDates": ["2099-01-01"],
        "overlapPolicy": "skip",
        "input": {"a": 1},
    }
    body = {"workflowId": workflow_id, "name": "s", "triggerType": "schedule", "config": config}
    trigger_id = (await api.call("POST", "/api/triggers", {**body, "enabled": False}, status=201)).json["id"]
    draft = {name: config[name] for name in ("cronExpression", "timezone", "excludedDates")}
    path = "/api/schedules/preview"
    expected = (await api.call("POST", path, {**draft, "count": 3}, status=200)).json
    saved = {"triggerId": trigger_id, "count": 3}
    assert (await api.call("POST", path, saved, status=200)).json == expected
    assert len((await api.call("POST", path, {"triggerId": trigger_id}, status=200)).json["fireTimes"]) == 10
    await api.call("PATCH", f"/api/triggers/{trigger_id}", {"config": {"timezone": "UTC"}}, status=200)
    changed = (await api.call("POST", path, saved, status=200)).json
    assert {item["local"][10:] for item in changed["fireTimes"]} == {"T09:00:00+00:00"}

    both = await api.call("POST", path, {**draft, **saved, "count": 0}, status=422)
    assert pointers(both) == {"/cronExpression", "/timezone", "/excludedDates", "/count"}
    assert pointers(await api.call("POST", path, {"triggerId": "x"}, status=422)) == {"/triggerId"}
    await api.call("POST", path, {"triggerId": workflow_id}, status=404)
    await api.call("POST", path, saved, status=404, as_=make_token(org="other"))
    manual = {"workflowId": workflow_id, "name": "m", "triggerType": "manual"}
    other = (await api.call("POST", "/api/triggers", manual, status=201)).json["id"]
    await api.call("POST", path, {"triggerId": other}, status=404)


async def test_a_saved_schedule_is_previewed_from_the_published_times_of_its_version(
    api: Any, workflow_id: str, eventually: Any
) -> None:
    config = {"cronExpression": "0 9 * * *", "timezone": "UTC"}
    body = {"workflowId": workflow_id, "name": "s", "triggerType": "schedule", "config": config}
    trigger_id = (await api.call("POST", "/api/triggers", body, status=201)).json["id"]
    saved = {"triggerId": trigger_id, "count": 2}
    odd = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1, minutes=1, seconds=1)
    client = await nats.connect(api.nats_url)
    fact = schedules.ScheduleSynced(
        trigger_id=UUID(trigger_id),
        trigger_version=1,
        schedule_id=f"trigger-{trigger_id}",
        at=odd,
        next_fire_times=(odd - timedelta(days=1), odd),
    )
    await client.jetstream().publish(f"schedules.{trigger_id}", codec.encode(fact))
    await client.close()

    async def times() -> list[str]:
        found = (await api.call("POST", "/api/schedules/preview", saved, status=200)).json["fireTimes"]
        return [item["utc"] for item in found]

    async def is_announced() -> bool:
        return bool((await times())[0] == f"{odd:%Y-%m-%dT%H:%M:%SZ}")

    await eventually(is_announced)
    assert (await times())[1].endswith("T09:00:00Z")
    await api.call("PATCH", f"/api/triggers/{trigger_id}", {"name": "other"}, status=200)
    assert all(time.endswith("T09:00:00Z") for time in await times()), "nothing is known of this version yet"


async def test_a_schedule_is_shown_as_last_known_without_an_answer_of_temporal(
    api: Any, workflow_id: str
) -> None:
    body = {
        "workflowId": workflow_id,
        "name": "s",
        "triggerType": "schedule",
        "config": {"cronExpression": "@daily"},
    }
    trigger_id = (await api.call("POST", "/api/triggers", body, status=201)).json["id"]
    shown = (await api.call("GET", f"/api/triggers/{trigger_id}/schedule", status=200)).json
    assert shown == {
        "scheduleId": f"trigger-{trigger_id}",
        "state": "running",
        "nextFireTimes": [],
        "recentFireTimes": [],
        "runningWorkflowIds": [],
        "live": False,
        "error": None,
        "droppedFires": None,
    }
    await api.call("POST", f"/api/triggers/{trigger_id}/pause", status=200)
    shown = (await api.call("GET", f"/api/triggers/{trigger_id}/schedule", status=200)).json
    assert shown["state"] == "paused"
    manual = {"workflowId": workflow_id, "name": "m", "triggerType": "manual"}
    other = (await api.call("POST", "/api/triggers", manual, status=201)).json["id"]
    await api.call("GET", f"/api/triggers/{other}/schedule", status=404)


async def test_a_schedule_with_options_is_checked_and_previewed(api: Any, workflow_id: str) -> None:
    config = {
        "cronExpression": "0 9 LW * *",
        "additionalExpressions": ["0 12 * * FRI#1"],
        "timezone": "Europe/Amsterdam",
        "excludedDates": ["2099-12-25"],
    }
    preview = (await api.call("POST", "/api/schedules/preview", {**config, "count": 4}, status=200)).json
    assert {item["local"][11:16] for item in preview["fireTimes"]} == {"09:00", "12:00"}
    assert ";" in preview["description"]
    body = {"workflowId": workflow_id, "name": "s", "triggerType": "schedule", "config": config}
    created = await api.call("POST", "/api/triggers", body, status=201)
    assert created.json["config"]["additionalExpressions"] == ["0 12 * * FRI#1"]
    wrong = {**config, "additionalExpressions": ["0 12 * * FRI#1", "61 * * * *"], "excludedDates": ["x"]}
    answer = await api.call("POST", "/api/triggers", {**body, "config": wrong}, status=422)
    assert pointers(answer) == {"/config/additionalExpressions/1", "/config/excludedDates/0"}
    shifted = {"cronExpression": "30 1 * * *", "timezone": "America/New_York", "dstPolicy": "shift"}
    answer = await api.call("POST", "/api/triggers", {**body, "config": shifted}, status=422)
    assert pointers(answer) == {"/config/dstPolicy"}
    answer = await api.call("POST", "/api/schedules/preview", shifted, status=422)
    assert pointers(answer) == {"/dstPolicy"}
