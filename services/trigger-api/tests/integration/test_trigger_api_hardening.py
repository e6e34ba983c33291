"""What a hostile reader found, and what must not come back."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import nats
import pytest

from trigger_contracts import config

pytestmark = pytest.mark.integration


async def webhook(api: Any, workflow_id: str, **settings: Any) -> str:
    body = {"workflowId": workflow_id, "name": "w", "triggerType": "webhook", "config": settings}
    return f"/api/triggers/{(await api.call('POST', '/api/triggers', body, status=201)).json['id']}"


async def manual(api: Any, workflow_id: str, **settings: Any) -> str:
    body = {"workflowId": workflow_id, "name": "m", "triggerType": "manual", "config": settings}
    return f"/api/triggers/{(await api.call('POST', '/api/triggers', body, status=201)).json['id']}"


async def test_writers_of_the_same_things_wait_for_each_other_in_turn(api: Any, workflow_id: str) -> None:
    """Rows are locked before the log: else two of these wait for each other, and everybody for them."""
    path = await webhook(api, workflow_id, authType="hmac")
    end = asyncio.get_running_loop().time() + 4
    statuses: dict[str, set[int]] = {}

    async def again(name: str, method: str, where: str, body: Any) -> None:
        number = 0
        while asyncio.get_running_loop().time() < end:
            number += 1
            said = body(number) if callable(body) else body
            answer = await api.call(method, where, said)
            statuses.setdefault(name, set()).add(answer.status)

    new = {"workflowId": workflow_id, "name": "t", "triggerType": "webhook", "config": {"authType": "hmac"}}
    await asyncio.gather(
        *(again("rotate", "POST", f"{path}/rotate-secret", {"overlapSeconds": n}) for n in (0, 60)),
        *(again("rename", "PATCH", path, lambda number: {"name": f"n{number}"}) for _ in range(2)),
        *(again("create", "POST", "/api/triggers", new) for _ in range(2)),
        *(
            again("workflow", "PATCH", f"/api/workflows/{workflow_id}", lambda number: {"name": f"w{number}"})
            for _ in range(2)
        ),
    )
    assert statuses["create"] == {201}
    for name in ("rotate", "rename", "workflow"):
        assert statuses[name] <= {200, 409}, statuses
    connection = await asyncpg.connect(api.database_url)
    deadlocks = await connection.fetchval(
        "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    )
    await connection.close()
    assert deadlocks == 0


async def test_a_session_that_is_frozen_in_a_transaction_is_ended(api: Any) -> None:
    from trigger_runtime.postgres import Database
    from trigger_runtime.settings import Secret

    database = Database(Secret(api.database_url), application="test")
    await database.start()
    async with database.connection() as connection:
        limits = "idle_in_transaction_session_timeout", "lock_timeout"
        shown = [await connection.fetchval(f"SHOW {name}") for name in limits]
    await database.stop()
    assert shown == ["3s", "5s"]


@pytest.mark.parametrize("change", [{"provider": None}, {"provider": None, "responseFormat": "text"}])
async def test_taking_the_provider_away_does_not_open_the_door(
    api: Any, workflow_id: str, change: Any
) -> None:
    path = await webhook(api, workflow_id, provider="github")
    answer = await api.call("PATCH", path, {"config": change}, status=422)
    assert [error["pointer"] for error in answer.json["errors"]] == ["/config/authType"]
    await api.call("PATCH", path, {"config": {**change, "authType": "none"}}, status=200)


async def test_another_provider_needs_another_secret(api: Any, workflow_id: str) -> None:
    path = await webhook(api, workflow_id, authType="hmac")
    answer = await api.call("PATCH", path, {"config": {"provider": "meta"}}, status=422)
    assert [error["pointer"] for error in answer.json["errors"]] == ["/secret"]
    patched = await api.call("PATCH", path, {"config": {"provider": "standard-webhooks"}}, status=200)
    assert patched.json["webhookSecret"].startswith("whsec_"), "one that it takes is made up"
    again = await api.call("PATCH", path, {"name": "x"}, status=200)
    assert again.json["webhookSecret"] is None


def doubling(depth: int) -> dict[str, Any]:
    steps = {
        f"x{n}": {"allOf": [{"$ref": f"#/$defs/x{n + 1}"}, {"$ref": f"#/$defs/x{n + 1}"}]}
        for n in range(depth)
    }
    return {"$defs": {**steps, f"x{depth}": {}}, "$ref": "#/$defs/x0"}


@pytest.mark.parametrize(
    "schema",
    [
        doubling(40),
        {"$defs": {"a": {"properties": {"b": {"$ref": "#/$defs/a"}}}}, "$ref": "#/$defs/a"},
        {"$ref": "#"},
        {"properties": {"a": {"pattern": "^(?:(a+)\\1?)+z$"}}},
        {"properties": {"a": {"pattern": "(?=a)b"}}},
        {"$id": "http://127.0.0.1:1/", "$ref": "x"},
        {"$ref": "#/$defs/nothing"},
        {"$dynamicRef": "#a"},
        {"anyOf": [{"type": "string"}] * 6000},
    ],
    ids=lambda schema: str(schema)[:40],
)
async def test_schemas_that_could_take_for_ever_are_refused(api: Any, workflow_id: str, schema: Any) -> None:
    body = {
        "workflowId": workflow_id,
        "name": "m",
        "triggerType": "manual",
        "config": {"inputSchema": schema, "inputs": {"a": "b"}},
    }
    answer = await api.call("POST", "/api/triggers", body, status=422)
    assert [error["pointer"] for error in answer.json["errors"]] == ["/config/inputSchema"]


async def test_useful_schemas_are_taken(api: Any, workflow_id: str) -> None:
    schema = {
        "$defs": {"name": {"type": "string", "pattern": "^[A-Z][a-z]+$"}},
        "type": "object",
        "properties": {
            "first": {"$ref": "#/$defs/name"},
            "last": {"$ref": "#/$defs/name"},
            "$id": {"type": "integer"},
        },
        "required": ["first"],
    }
    path = await manual(api, workflow_id, inputSchema=schema)
    await api.call("POST", f"{path}/execute", {"inputs": {"first": "Ada", "$id": 1}}, status=202)
    answer = await api.call("POST", f"{path}/execute", {"inputs": {"first": "ada", "$id": "1"}}, status=422)
    assert {error["pointer"] for error in answer.json["errors"]} == {"/inputs/first", "/inputs/$id"}
    many = await manual(
        api, workflow_id, inputSchema={"properties": {"a": {"items": {"anyOf": [{"type": "null"}] * 500}}}}
    )
    answer = await api.call("POST", f"{many}/execute", {"inputs": {"a": [1] * 50_000}}, status=422)
    assert "too many" in answer.json["errors"][0]["detail"]


async def test_a_long_key_is_not_repeated_for_everything_below_it(
    api: Any, workflow_id: str, definition: Any
) -> None:
    key = "k" * 300_000
    answer = await api.call("POST", "/api/workflows", {key: ["\0"] * 2_000}, status=422)
    assert len(answer.json["errors"]) == 100
    assert int(answer.headers["Content-Length"]) < 100_000
    definition["nodes"]["out"]["config"]["value"] = {key: ["{{ }}"] * 500}
    answer = await api.call("POST", "/api/workflows", {"name": "W", "definition": definition}, status=422)
    assert int(answer.headers["Content-Length"]) < 100_000
    config_ = {key[:200_000]: 1, **{f"x{n}": 1 for n in range(500)}}
    body = {"workflowId": workflow_id, "name": "t", "triggerType": "manual", "config": config_}
    answer = await api.call("POST", "/api/triggers", body, status=422)
    assert int(answer.headers["Content-Length"]) < 100_000


async def test_rotating_again_and_again_does_not_pile_up(api: Any, workflow_id: str) -> None:
    path = await webhook(api, workflow_id, authType="hmac")
    for _ in range(12):
        await api.call("POST", f"{path}/rotate-secret", {"overlapSeconds": 3600}, status=200)
    connection = await asyncpg.connect(api.database_url)
    assert await connection.fetchval("SELECT count(*) FROM trigger_api.trigger_secrets") == 5
    await connection.close()


async def test_a_key_that_was_forgotten_is_a_new_run(api: Any, workflow_id: str) -> None:
    path = await manual(api, workflow_id)
    key = {"Idempotency-Key": "nightly"}
    first = await api.call("POST", f"{path}/execute", {"inputs": {"n": 1}}, status=202, headers=key)
    connection = await asyncpg.connect(api.database_url)
    await connection.execute("DELETE FROM trigger_api.idempotency_keys")
    await connection.close()
    second = await api.call("POST", f"{path}/execute", {"inputs": {"n": 1}}, status=202, headers=key)
    assert second.json["executionId"] != first.json["executionId"], "the old id would not run again"


async def test_an_answer_that_cannot_be_read_is_not_acted_on_again(api: Any, workflow_id: str) -> None:
    key = {"Idempotency-Key": "k"}
    body = {"workflowId": workflow_id, "name": "t", "triggerType": "manual"}
    await api.call("POST", "/api/triggers", body, status=201, headers=key)
    connection = await asyncpg.connect(api.database_url)
    await connection.execute("UPDATE trigger_api.idempotency_keys SET key_id = 'gone'")
    await connection.close()
    answer = await api.call("POST", "/api/triggers", body, status=409, headers=key)
    assert answer.json["code"] == "answer_lost"
    assert len((await api.call("GET", "/api/triggers", status=200)).json["items"]) == 1


async def names_on_the_bus(nats_url: str) -> dict[str, str]:
    client = await nats.connect(nats_url)
    js = client.jetstream()
    found = {}
    info = await js.stream_info("CONFIG", subjects_filter="config.trigger.*")
    for subject in info.state.subjects or {}:
        state = config.TRIGGERS.decode((await js.get_last_msg("CONFIG", subject)).data or b"").trigger
        found[str(state.id)] = state.name
    await client.close()
    return found


@pytest.mark.parametrize("which", ["config.>", "config.trigger.*"])
async def test_a_purged_stream_is_filled_again(
    api: Any, workflow_id: str, eventually: Any, which: str
) -> None:
    path = await manual(api, workflow_id)
    await api.call("PATCH", path, {"name": "renamed"}, status=200)

    async def complete() -> bool:
        return await names_on_the_bus(api.nats_url) == {path.rsplit("/", 1)[1]: "renamed"}

    await eventually(complete)
    client = await nats.connect(api.nats_url)
    await client.jetstream().purge_stream("CONFIG", subject=which)
    await client.close()
    assert not await complete()
    await eventually(complete, seconds=40)


async def test_a_database_that_went_back_does_not_take_others_messages_for_its_own(
    api: Any, workflow_id: str, eventually: Any
) -> None:
    """As after a restore: the outbox counts from where the copy was made, and the bus is further."""
    path = await manual(api, workflow_id)

    async def announced(name: str) -> bool:
        return (await names_on_the_bus(api.nats_url)).get(path.rsplit("/", 1)[1]) == name

    await eventually(lambda: announced("m"))
    for number in range(5):
        await api.call("PATCH", path, {"name": f"n{number}"}, status=200)
    await eventually(lambda: announced("n4"))
    connection = await asyncpg.connect(api.database_url)
    await connection.execute(
        "UPDATE trigger_api.relay_lease SET holder = gen_random_uuid(), until = now() + interval '6 seconds'"
    )
    await connection.execute("SELECT setval('trigger_api.outbox_sequence_seq', 2)")
    await connection.execute("UPDATE trigger_api.relay_progress SET announced = 2")
    for number in range(3):
        await api.call("PATCH", path, {"name": f"after {number}"}, status=200)
    await eventually(lambda: announced("after 2"), seconds=40)
    waiting = "SELECT count(*) FROM trigger_api.outbox"

    async def nothing_waits() -> bool:
        return bool(await connection.fetchval(waiting) == 0)

    await eventually(nothing_waits)
    await connection.close()


async def test_an_upgrade_fills_what_it_adds(api: Any, workflow_id: str) -> None:
    """The migration's own statement, on rows as the release before left them."""
    from trigger_api.adapters.schema import MIGRATIONS

    rotated = await webhook(api, workflow_id, authType="hmac")
    await webhook(api, workflow_id, authType="hmac")
    await api.call("POST", f"{rotated}/rotate-secret", {"overlapSeconds": 600}, status=200)
    connection = await asyncpg.connect(api.database_url)
    columns = "SELECT id, previous_secret_id, previous_secret_valid_until FROM trigger_api.workflow_triggers"
    before = {row["id"]: tuple(row) for row in await connection.fetch(columns)}
    assert before[UUID(rotated.rsplit("/", 1)[1])][1] is not None
    await connection.execute(
        "UPDATE trigger_api.workflow_triggers"
        " SET previous_secret_id = NULL, previous_secret_valid_until = NULL"
    )
    text = (MIGRATIONS / "20261126000001_trust_the_log.sql").read_text()
    start = text.index("UPDATE trigger_api.workflow_triggers AS trigger")
    await connection.execute(text[start : text.index(";", start)])
    assert {row["id"]: tuple(row) for row in await connection.fetch(columns)} == before
    await connection.close()


async def test_a_list_of_large_things_comes_in_smaller_pages(api: Any, definition: Any) -> None:
    definition["nodes"]["out"]["config"]["value"] = "x" * 900_000
    body = {"name": "large", "definition": definition}
    made = [(await api.call("POST", "/api/workflows", body, status=201)).json["id"] for _ in range(12)]
    seen: list[str] = []
    cursor = ""
    pages = 0
    while True:
        page = await api.call("GET", f"/api/workflows?limit=200{cursor}", status=200)
        assert int(page.headers["Content-Length"]) < 9_000_000
        assert page.json["items"]
        seen += [item["id"] for item in page.json["items"]]
        pages += 1
        if page.json["nextCursor"] is None:
            break
        cursor = f"&cursor={page.json['nextCursor']}"
    assert seen == made[::-1]
    assert pages > 1


async def test_the_past_ends_where_the_clock_says(api: Any, workflow_id: str) -> None:
    path = await manual(api, workflow_id)
    soon = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert (await api.call("GET", f"{path}?asOf={soon}", status=200)).json["version"] == 1
    begun = time.monotonic()
    answer = await api.call(
        "POST",
        "/api/schedules/preview",
        {"cronExpression": "0 0 1 1 *", "startAt": "0001-01-01T00:00:00Z"},
        status=200,
    )
    assert len(answer.json["fireTimes"]) == 10
    assert time.monotonic() - begun < 60
