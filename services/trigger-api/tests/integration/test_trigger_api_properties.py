"""Whatever several writers do at once: one log, and everything else is a fold of it."""

import asyncio
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import nats
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trigger_api.adapters.event_log import BY_NAME, load, row_of
from trigger_contracts import config

pytestmark = pytest.mark.integration


@dataclass(frozen=True)
class Command:
    """One thing that a writer does to one of the triggers; ``seen`` is how stale its If-Match is."""

    target: int
    action: str
    value: int
    seen: int | None
    """``None`` sends no condition, 0 the version that was last read, 1 the one before it, and so on."""


COMMANDS = st.builds(
    Command,
    target=st.integers(0, 2),
    action=st.sampled_from(
        ["rename", "config", "pause", "resume", "rotate", "replace", "revert", "delete", "create", "workflow"]
    ),
    value=st.integers(0, 3),
    seen=st.none() | st.integers(0, 2),
)
WRITERS = st.lists(st.lists(COMMANDS, max_size=8), min_size=2, max_size=5)


class World:
    """The triggers of one example, and what each conditional change was promised."""

    def __init__(self, api: Any, workflow_id: str) -> None:
        self.api = api
        self.workflow_id = workflow_id
        self.triggers: list[str] = []
        self.conditional: dict[str, tuple[str, int]] = {}
        self.statuses: set[int] = set()

    async def create(self, kind: str) -> None:
        configs: dict[str, Any] = {"webhook": {"authType": "hmac"}, "event": {"eventType": "a.b"}}
        body = {
            "workflowId": self.workflow_id,
            "name": kind,
            "triggerType": kind,
            "config": configs.get(kind, {}),
        }
        answer = await self.api.call("POST", "/api/triggers", body, status=201)
        self.triggers.append(answer.json["id"])

    async def write(self, commands: list[Command], *, writer: int) -> None:
        for number, command in enumerate(commands):
            await self.carry_out(command, request_id=f"w{writer}.{number}")

    async def carry_out(self, command: Command, *, request_id: str) -> None:
        if command.action == "create":
            await self.create("manual")
            return
        if command.action == "workflow":
            path = f"/api/workflows/{self.workflow_id}"
            method, suffix, body = "PATCH", "", {"name": f"workflow {command.value}"}
        else:
            path = f"/api/triggers/{self.triggers[command.target]}"
            method, suffix, body = ACTIONS[command.action](command.value)
        headers = {"X-Request-Id": request_id}
        if command.seen is not None:
            read = await self.api.call("GET", path)
            if read.status == 404:
                return
            version = max(1, read.json["version"] - command.seen)
            headers["If-Match"] = f'"{version}"'
            self.conditional[request_id] = (path.rsplit("/", 1)[1], version)
        answer = await self.api.call(method, path + suffix, body, headers=headers)
        self.statuses.add(answer.status)
        if answer.status >= 300:
            self.conditional.pop(request_id, None)


ACTIONS: dict[str, Any] = {
    "rename": lambda value: ("PATCH", "", {"name": f"name {value}"}),
    "config": lambda value: ("PATCH", "", {"config": [{"method": "PUT"}, {"method": None}][value % 2]}),
    "pause": lambda _: ("POST", "/pause", None),
    "resume": lambda _: ("POST", "/resume", None),
    "rotate": lambda value: ("POST", "/rotate-secret", {"overlapSeconds": value * 100}),
    "replace": lambda value: ("PUT", "", {"name": f"put {value}", "config": {"authType": "none"}}),
    "revert": lambda value: ("POST", "/revert", {"version": value + 1}),
    "delete": lambda _: ("DELETE", "", None),
}


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(writers=WRITERS)
async def test_the_log_the_projection_and_the_bus_agree(
    api: Any, definition: Any, eventually: Any, writers: list[list[Command]]
) -> None:
    made = await api.call("POST", "/api/workflows", {"name": "W", "definition": definition}, status=201)
    world = World(api, made.json["id"])
    for kind in ("webhook", "event", "manual"):
        await world.create(kind)
    await asyncio.gather(*(world.write(commands, writer=n) for n, commands in enumerate(writers)))
    assert world.statuses <= {200, 204, 404, 409, 412, 422}

    connection = await asyncpg.connect(api.database_url)
    client = await nats.connect(api.nats_url)

    async def announced() -> bool:
        return bool(await connection.fetchval("SELECT count(*) FROM trigger_api.outbox") == 0)

    await eventually(announced)
    for trigger_id in world.triggers:
        await agrees(connection, client, stream_id=UUID(trigger_id), aggregate="trigger")
    await agrees(connection, client, stream_id=UUID(world.workflow_id), aggregate="workflow")
    for request_id, (stream_id, version) in world.conditional.items():
        first = await connection.fetchval(
            "SELECT min(version) FROM trigger_api.trigger_events WHERE stream_id = $1 AND request_id = $2",
            UUID(stream_id),
            request_id,
        )
        assert first in (None, version + 1), "a condition that was stale has won"
    await client.close()
    await connection.close()


async def agrees(connection: Any, client: Any, *, stream_id: UUID, aggregate: str) -> None:
    versions = [
        row["version"]
        for row in await connection.fetch(
            "SELECT version FROM trigger_api.trigger_events WHERE stream_id = $1 ORDER BY position", stream_id
        )
    ]
    assert versions == list(range(1, len(versions) + 1)), "a gap, or an order that is not the log's"
    described = BY_NAME[aggregate]
    state = await load(connection, described, stream_id)
    assert state is not None
    kept = await connection.fetchrow(
        f"SELECT {', '.join(described.columns)} FROM trigger_api.{described.table} WHERE id = $1", stream_id
    )
    assert tuple(kept) == row_of(described, state)
    message = await client.jetstream().get_last_msg("CONFIG", described.subject(stream_id))
    if aggregate == "trigger":
        published = config.TRIGGERS.decode(message.data).trigger
        encoded = msgspec.json.encode(published.config).decode()
        assert (published.name, published.enabled, encoded, published.version) == (
            kept["name"],
            kept["enabled"],
            kept["config"],
            kept["version"],
        )
        in_force = next((secret.id for secret in published.secrets if secret.valid_until is None), None)
        assert (in_force, published.deleted_at) == (kept["secret_id"], kept["deleted_at"])
    else:
        workflow = config.WORKFLOWS.decode(message.data).workflow
        assert (workflow.name, workflow.version) == (kept["name"], kept["version"])
