"""The same request twice is one request: the same answer, and nothing happens again."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import nats
import pytest

from trigger_contracts import firings, streams

pytestmark = pytest.mark.integration

KEY = {"Idempotency-Key": "create-1"}


def body_of(workflow_id: str, **more: Any) -> dict[str, Any]:
    return {
        "workflowId": workflow_id,
        "name": "Hook",
        "triggerType": "webhook",
        "config": {"authType": "hmac"},
        **more,
    }


async def test_a_trigger_is_created_once_and_its_secret_shown_again(api: Any, workflow_id: str) -> None:
    first = await api.call("POST", "/api/triggers", body_of(workflow_id), status=201, headers=KEY)
    text = json.dumps(dict(reversed(body_of(workflow_id).items())), indent=2).encode()
    again = await api.call("POST", "/api/triggers", data=text, status=201, headers=KEY)
    assert again.json == first.json
    assert again.json["webhookSecret"], "the one whose answer was lost still needs it"
    for name in ("Location", "ETag", "Cache-Control"):
        assert again.headers[name] == first.headers[name]
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    other = await api.call(
        "POST", "/api/triggers", body_of(workflow_id, name="Other"), status=422, headers=KEY
    )
    assert other.json["code"] == "idempotency_key_reused"
    assert len((await api.call("GET", "/api/triggers", status=200)).json["items"]) == 1


async def test_a_key_belongs_to_its_sender(api: Any, workflow_id: str, make_token: Any) -> None:
    first = await api.call("POST", "/api/triggers", body_of(workflow_id), status=201, headers=KEY)
    colleague = make_token(sub="bob")
    other = await api.call(
        "POST", "/api/triggers", body_of(workflow_id), status=201, headers=KEY, as_=colleague
    )
    assert other.json["id"] != first.json["id"]
    assert other.json["webhookSecret"] != first.json["webhookSecret"]


async def test_one_of_many_at_once_acts(api: Any, workflow_id: str) -> None:
    calls = [api.call("POST", "/api/triggers", body_of(workflow_id), headers=KEY) for _ in range(12)]
    answers = await asyncio.gather(*calls)
    assert {answer.status for answer in answers} == {201}
    assert len({answer.json["id"] for answer in answers}) == 1
    assert sum("Idempotent-Replayed" not in answer.headers for answer in answers) == 1


async def test_a_refusal_leaves_the_key_free(api: Any, workflow_id: str) -> None:
    wrong = body_of(workflow_id, config={"authType": "hmac", "allowedOrigins": ["x"]})
    await api.call("POST", "/api/triggers", wrong, status=422, headers=KEY)
    await api.call("POST", "/api/triggers", body_of(workflow_id), status=201, headers=KEY)
    path = "/api/triggers"
    manual = {"workflowId": workflow_id, "name": "M", "triggerType": "manual", "config": {}}
    run = f"{path}/{(await api.call('POST', path, manual, status=201)).json['id']}"
    await api.call("POST", f"{run}/pause", status=200)
    key = {"Idempotency-Key": "run"}
    await api.call("POST", f"{run}/execute", {"inputs": {"a": 1}}, status=409, headers=key)
    await api.call("POST", f"{run}/resume", status=200)
    await api.call("POST", f"{run}/execute", {"inputs": {"b": 2}}, status=202, headers=key)


async def test_changes_repeat_too(api: Any, workflow_id: str) -> None:
    created = await api.call("POST", "/api/triggers", body_of(workflow_id), status=201)
    path = f"/api/triggers/{created.json['id']}"
    first, again = [
        await api.call("POST", f"{path}/rotate-secret", {"overlapSeconds": 9}, status=200, headers=KEY)
        for _ in range(2)
    ]
    assert first.json == again.json
    assert first.json["webhookSecret"]
    assert (await api.call("GET", path, status=200)).json["version"] == 2
    # The same key on another address is another request.
    await api.call("POST", f"{path}/pause", status=422, headers=KEY)
    paused = [
        await api.call("POST", f"{path}/pause", status=200, headers={"Idempotency-Key": "p"})
        for _ in range(2)
    ]
    assert paused[0].json == paused[1].json
    await api.call("POST", f"{path}/resume", status=200)
    await api.call("POST", f"{path}/pause", status=200, headers={"Idempotency-Key": "p"})
    assert (await api.call("GET", path, status=200)).json["enabled"] is True, "it was paused then, not now"


async def test_a_run_that_was_promised_stays_promised(api: Any, workflow_id: str) -> None:
    manual = {"workflowId": workflow_id, "name": "M", "triggerType": "manual"}
    path = f"/api/triggers/{(await api.call('POST', '/api/triggers', manual, status=201)).json['id']}"
    first = await api.call("POST", f"{path}/execute", {"inputs": {"n": 1}}, status=202, headers=KEY)
    await api.call("POST", f"{path}/execute", {"inputs": {"n": 2}}, status=422, headers=KEY)
    await api.call("POST", f"{path}/pause", status=200)
    again = await api.call("POST", f"{path}/execute", {"inputs": {"n": 1}}, status=202, headers=KEY)
    assert again.json == first.json
    client = await nats.connect(api.nats_url)
    info = await client.jetstream().stream_info("FIRINGS")
    message = await client.jetstream().get_last_msg("FIRINGS", streams.FIRINGS_MANUAL)
    await client.close()
    assert info.state.messages == 1
    assert str(firings.MANUAL.decode(message.data or b"").execution_id) == first.json["executionId"]


async def test_what_is_kept_is_sealed_and_forgotten_in_time(
    api: Any, workflow_id: str, settings: Any
) -> None:
    from trigger_api.adapters.idempotency_keys import KeyExpiry
    from trigger_runtime.postgres import Database
    from trigger_runtime.settings import Secret

    created = await api.call("POST", "/api/triggers", body_of(workflow_id), status=201, headers=KEY)
    connection = await asyncpg.connect(api.database_url)
    kept = await connection.fetchrow("SELECT * FROM trigger_api.idempotency_keys")
    assert kept is not None
    assert created.json["webhookSecret"].encode() not in bytes(kept["ciphertext"])
    assert created.json["id"].encode() not in bytes(kept["ciphertext"])
    database = Database(Secret(api.database_url), application="test")
    await database.start()
    soon = datetime.now(UTC) + timedelta(hours=23)
    assert await KeyExpiry(database, keep=timedelta(hours=24), now=lambda: soon)._forget_some() is False
    later = datetime.now(UTC) + timedelta(hours=25)
    assert await KeyExpiry(database, keep=timedelta(hours=24), now=lambda: later)._forget_some() is True
    await database.stop()
    assert await connection.fetchval("SELECT count(*) FROM trigger_api.idempotency_keys") == 0
    await connection.close()
    again = await api.call("POST", "/api/triggers", body_of(workflow_id), status=201, headers=KEY)
    assert again.json["id"] != created.json["id"]
