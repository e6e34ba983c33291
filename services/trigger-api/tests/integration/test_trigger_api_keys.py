"""Keys are changed without downtime, and a bus that lost something gets it again."""

import asyncio
import base64
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import aiohttp
import asyncpg
import nats
import pytest
from msgspec.structs import replace

from embedded_stack.servers.nats import NatsServer
from embedded_stack.servers.running import running
from trigger_api.app import build
from trigger_contracts import codec, config, secret_uses, streams
from trigger_runtime.sealing import KeyRing, Sealed
from trigger_runtime.settings import Secret

pytestmark = pytest.mark.integration

NEW = "new:" + base64.b64encode(bytes(range(100, 132))).decode()


def command(verb: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "trigger_api", verb],
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


async def states(nats_url: str) -> dict[UUID, config.TriggerState]:
    client = await nats.connect(nats_url)
    js = client.jetstream()
    found: dict[UUID, config.TriggerState] = {}
    try:
        info = await js.stream_info("CONFIG", subjects_filter="config.trigger.*")
        for subject in info.state.subjects or {}:
            message = await js.get_last_msg("CONFIG", subject)
            state = config.TRIGGERS.decode(message.data or b"").trigger
            found[state.id] = state
    except nats.js.errors.NotFoundError:
        return {}
    finally:
        await client.close()
    return found


async def webhook(api: Any, workflow_id: str) -> tuple[UUID, str]:
    body = {"workflowId": workflow_id, "name": "w", "triggerType": "webhook", "config": {"authType": "hmac"}}
    created = await api.call("POST", "/api/triggers", body, status=201)
    return UUID(created.json["id"]), created.json["webhookSecret"]


async def test_an_old_key_can_go_once_everything_is_sealed_anew(
    api: Any, workflow_id: str, key_ring: str, eventually: Any
) -> None:
    made = dict([await webhook(api, workflow_id) for _ in range(3)])
    rotated = next(iter(made))
    path = f"/api/triggers/{rotated}/rotate-secret"
    newest = (await api.call("POST", path, {"overlapSeconds": 600}, status=200)).json["webhookSecret"]
    done = await asyncio.to_thread(
        command, "reseal", DATABASE_URL=api.database_url, SECRET_KEYS=f"{NEW},{key_ring}"
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "4 secrets sealed again with key 'new'" in done.stdout
    ring = KeyRing.parse(NEW)

    async def opened() -> bool:
        found = await states(api.nats_url)
        secrets = [(state, secret) for state in found.values() for secret in state.secrets]
        return len(secrets) == 4 and all(secret.key_id == "new" for _, secret in secrets)

    await eventually(opened)
    for state in (await states(api.nats_url)).values():
        values = [
            ring.open(
                Sealed(key_id=one.key_id, nonce=one.nonce, ciphertext=one.ciphertext),
                belongs_to=state.id.bytes,
            ).decode()
            for one in state.secrets
        ]
        assert values == ([newest, made[state.id]] if state.id == rotated else [made[state.id]])
    again = await asyncio.to_thread(
        command, "reseal", DATABASE_URL=api.database_url, SECRET_KEYS=f"{NEW},{key_ring}"
    )
    assert "0 secrets" in again.stdout
    events = (await api.call("GET", f"/api/triggers/{rotated}/events", status=200)).json["items"]
    assert len(events) == 2, "the log does not change"


async def test_a_secret_that_no_key_opens_is_reported_and_stops_nothing(
    api: Any, workflow_id: str, key_ring: str
) -> None:
    for _ in range(3):
        await webhook(api, workflow_id)
    connection = await asyncpg.connect(api.database_url)
    await connection.execute(
        "UPDATE trigger_api.trigger_secrets SET ciphertext = 'damaged!'::bytea"
        " WHERE id = (SELECT min(id::text)::uuid FROM trigger_api.trigger_secrets)"
    )
    done = await asyncio.to_thread(
        command, "reseal", DATABASE_URL=api.database_url, SECRET_KEYS=f"{NEW},{key_ring}"
    )
    assert done.returncode == 1
    assert "2 secrets sealed again" in done.stderr
    assert "1 cannot be opened" in done.stderr
    for wrong in ("nonsense", f"{NEW}x"):
        done = await asyncio.to_thread(command, "reseal", DATABASE_URL=api.database_url, SECRET_KEYS=wrong)
        assert (done.returncode, wrong in done.stderr) == (2, False)
    await connection.close()


async def test_rotated_and_deleted_secrets_are_not_kept(api: Any, workflow_id: str) -> None:
    trigger_id, _ = await webhook(api, workflow_id)
    path = f"/api/triggers/{trigger_id}"
    connection = await asyncpg.connect(api.database_url)
    kept = "SELECT count(*) FROM trigger_api.trigger_secrets"
    await api.call("POST", f"{path}/rotate-secret", {"overlapSeconds": 600}, status=200)
    assert await connection.fetchval(kept) == 2
    await api.call("POST", f"{path}/rotate-secret", {}, status=200)
    assert await connection.fetchval(kept) == 1, "without an overlap no older one is accepted any more"
    await api.call("DELETE", path, status=204)
    assert await connection.fetchval(kept) == 0
    await connection.close()


async def test_the_state_tells_whether_the_old_secret_is_in_use(
    api: Any, workflow_id: str, eventually: Any
) -> None:
    trigger_id, _ = await webhook(api, workflow_id)
    path = f"/api/triggers/{trigger_id}"
    assert (await api.call("GET", path, status=200)).json["previousSecret"] is None
    rotated = await api.call("POST", f"{path}/rotate-secret", {"overlapSeconds": 600}, status=200)
    previous = rotated.json["previousSecret"]
    assert previous["lastUsedAt"] is None
    connection = await asyncpg.connect(api.database_url)
    old = await connection.fetchval("SELECT previous_secret_id FROM trigger_api.workflow_triggers")
    await connection.close()
    client = await nats.connect(api.nats_url)
    js = client.jetstream()
    for secret_id, at in (
        (old, datetime(2026, 1, 2, tzinfo=UTC)),
        (old, datetime(2026, 1, 1, tzinfo=UTC)),
    ):
        used = secret_uses.PreviousSecretUsed(trigger_id=trigger_id, secret_id=secret_id, at=at)
        await js.publish(streams.secret(trigger_id), codec.encode(used))
    await js.publish(streams.secret(trigger_id), b"no message")
    await client.close()

    async def told() -> bool:
        found = (await api.call("GET", path, status=200)).json["previousSecret"]
        return bool(found == {**previous, "lastUsedAt": "2026-01-02T00:00:00Z"})

    await eventually(told)
    await api.call("POST", f"{path}/rotate-secret", {"overlapSeconds": 0}, status=200)
    found = (await api.call("GET", path, status=200)).json["previousSecret"]
    assert found is None or found["validUntil"] != previous["validUntil"], "the one before it is gone"


async def test_everything_is_announced_again_to_a_bus_that_lost_it(
    settings: Any, tmp_path: Path, definition: Any, make_token: Any, eventually: Any
) -> None:
    """Two losses: the bus comes back without its data, and then as it was some time ago."""
    first = NatsServer(directory=tmp_path / "one")
    service = build(replace(settings, nats_url=Secret(first.url)))
    await service.start()
    headers = {"Authorization": f"Bearer {make_token()}"}
    base = f"http://127.0.0.1:{settings.http_port}"
    try:
        async with aiohttp.ClientSession(base, headers=headers) as session:

            async def post(path: str, body: Any, method: str = "POST") -> Any:
                async with session.request(method, path, json=body) as answer:
                    return await answer.json() if await answer.read() else None

            workflow = await post("/api/workflows", {"name": "W", "definition": definition})
            made = [
                await post(
                    "/api/triggers",
                    {"workflowId": workflow["id"], "name": f"t{number}", "triggerType": "manual"},
                )
                for number in range(5)
            ]
            await post(f"/api/triggers/{made[0]['id']}", None, method="DELETE")
            await post(f"/api/triggers/{made[1]['id']}", {"name": "renamed"}, method="PATCH")

            async def complete(names: dict[str, str]) -> bool:
                found = await states(first.url)
                live = {str(key): state.name for key, state in found.items() if not state.deleted_at}
                return live == names and len(found) == 5

            names = {item["id"]: item["name"] for item in made[1:]} | {made[1]["id"]: "renamed"}
            async with running(first):
                await eventually(lambda: complete(names))
            shutil.copytree(first.directory, tmp_path / "three")
            emptied = NatsServer(directory=tmp_path / "two", port=first.port, password=first.password)
            async with running(emptied):
                await eventually(lambda: complete(names))
                client = await nats.connect(first.url)
                workflows = await client.jetstream().get_last_msg(
                    "CONFIG", streams.config_workflow(UUID(workflow["id"]))
                )
                assert config.WORKFLOWS.decode(workflows.data or b"").workflow.name == "W"
                await client.close()
                await post(f"/api/triggers/{made[2]['id']}", {"name": "later"}, method="PATCH")
                names[made[2]["id"]] = "later"
                await eventually(lambda: complete(names))
            old = NatsServer(directory=tmp_path / "three", port=first.port, password=first.password)
            async with running(old):
                await eventually(lambda: complete(names))
    finally:
        await service.stop()


async def test_announcing_by_hand(api: Any, workflow_id: str, eventually: Any) -> None:
    trigger_id, _ = await webhook(api, workflow_id)
    client = await nats.connect(api.nats_url)
    js = client.jetstream()

    async def announced() -> Any:
        info = await js.stream_info("CONFIG")
        return info.state.last_seq if info.state.last_seq >= 2 else None

    before = await eventually(announced)
    done = await asyncio.to_thread(command, "announce", DATABASE_URL=api.database_url)
    assert "2 workflows and triggers" in done.stdout

    async def again() -> bool:
        return bool((await js.stream_info("CONFIG")).state.last_seq == before + 2)

    await eventually(again)
    state = config.TRIGGERS.decode(
        (await js.get_last_msg("CONFIG", streams.config_trigger(trigger_id))).data or b""
    )
    assert (state.change.event, state.trigger.version) == ("TriggerCreated", 1)
    await client.close()
