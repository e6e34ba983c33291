"""The read models can be made anew from the log at any time, and nobody notices."""

import asyncio
import os
import subprocess
import sys
from typing import Any

import asyncpg
import pytest

from trigger_api.adapters.projection_rebuild import rebuild

pytestmark = pytest.mark.integration

TABLES = ("workflows", "workflow_triggers")


async def contents(connection: Any) -> dict[str, list[tuple[Any, ...]]]:
    return {
        table: [
            tuple(row) for row in await connection.fetch(f"SELECT * FROM trigger_api.{table} ORDER BY id")
        ]
        for table in TABLES
    }


async def shape(connection: Any) -> list[Any]:
    """Return everything that a table is beside its rows: columns, constraints, indexes, the view."""
    rows = await connection.fetch(
        "SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull"
        " FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid"
        " WHERE c.relname = ANY($1) AND a.attnum > 0 ORDER BY 1, 2",
        [*TABLES, "triggers"],
    )
    indexes = await connection.fetch(
        "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'trigger_api' ORDER BY 1"
    )
    constraints = await connection.fetch(
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = ANY($1::regclass[])"
        " ORDER BY 1",
        [f"trigger_api.{table}" for table in TABLES],
    )
    view = await connection.fetchval("SELECT pg_get_viewdef('trigger_api.triggers'::regclass)")
    grants = await connection.fetch(
        "SELECT table_name, grantee, privilege_type FROM information_schema.role_table_grants"
        " WHERE table_schema = 'trigger_api' ORDER BY 1, 2, 3"
    )
    return [[tuple(row) for row in rows] for rows in (rows, indexes, constraints, grants)] + [view]


async def lives(api: Any, workflow_id: str, *, many: int) -> list[str]:
    """Make triggers and change them in every way; return those that are left."""
    configs: list[tuple[str, Any]] = [
        ("schedule", {"cronExpression": "0 9 * * *", "jitterSeconds": 5}),
        ("webhook", {"authType": "hmac"}),
        ("event", {"eventType": "a.*", "filters": {"data.x": 1e300}}),
        ("manual", {}),
    ]
    left = []
    for number in range(many):
        kind, config = configs[number % 4]
        body = {"workflowId": workflow_id, "name": f"n{number}", "triggerType": kind, "config": config}
        path = f"/api/triggers/{(await api.call('POST', '/api/triggers', body, status=201)).json['id']}"
        await api.call("PATCH", path, {"name": f"renamed {number}"}, status=200)
        if kind == "webhook":
            await api.call("POST", f"{path}/rotate-secret", {"overlapSeconds": 600}, status=200)
        if number % 3 == 0:
            await api.call("POST", f"{path}/pause", status=200)
        if number % 5 == 4:
            await api.call("DELETE", path, status=204)
        else:
            left.append(path)
    return left


async def test_what_is_rebuilt_equals_what_was_kept(api: Any, workflow_id: str, definition: Any) -> None:
    await lives(api, workflow_id, many=20)
    gone = await api.call("POST", "/api/workflows", {"name": "G", "definition": definition}, status=201)
    body = {"workflowId": gone.json["id"], "name": "t", "triggerType": "manual"}
    await api.call("POST", "/api/triggers", body, status=201)
    await api.call("DELETE", f"/api/workflows/{gone.json['id']}", status=204)
    connection = await asyncpg.connect(api.database_url)
    await connection.execute("GRANT SELECT ON trigger_api.triggers, trigger_api.workflows TO PUBLIC")
    before, shape_before = await contents(connection), await shape(connection)
    listed = (await api.call("GET", "/api/triggers", status=200)).json
    done = await rebuild(connection)
    assert done.rows == {"workflows": 2, "workflow_triggers": 21}
    assert done.differed == {"workflows": 0, "workflow_triggers": 0}
    assert await contents(connection) == before
    assert await shape(connection) == shape_before
    assert (await api.call("GET", "/api/triggers", status=200)).json == listed
    again = await rebuild(connection)
    assert again.differed == {"workflows": 0, "workflow_triggers": 0}
    await connection.close()


async def test_what_was_damaged_is_mended_and_counted(api: Any, workflow_id: str) -> None:
    await lives(api, workflow_id, many=6)
    connection = await asyncpg.connect(api.database_url)
    before = await contents(connection)
    await connection.execute("UPDATE trigger_api.workflow_triggers SET name = 'wrong' WHERE name LIKE '%1'")
    await connection.execute("DELETE FROM trigger_api.workflow_triggers WHERE name LIKE '%2'")
    await connection.execute(
        "INSERT INTO trigger_api.workflows SELECT gen_random_uuid(), workspace, 'ghost', definition, version,"
        " created_at, updated_at, NULL FROM trigger_api.workflows"
    )
    assert (await rebuild(connection)).differed == {"workflows": 1, "workflow_triggers": 2}
    assert await contents(connection) == before
    await connection.close()


async def test_the_api_serves_and_changes_while_tables_are_exchanged(api: Any, workflow_id: str) -> None:
    left = await lives(api, workflow_id, many=12)
    stop = asyncio.Event()
    statuses: dict[int, int] = {}

    async def write(worker: int) -> None:
        number = 0
        while not stop.is_set():
            number += 1
            body = {"workflowId": workflow_id, "name": f"w{worker} {number}", "triggerType": "manual"}
            created = await api.call("POST", "/api/triggers", body)
            read = await api.call("GET", f"/api/triggers/{created.json['id']}")
            patched = await api.call("PATCH", left[worker], {"name": f"w{worker} {number}"})
            listed = await api.call("GET", "/api/triggers?limit=5")
            assert patched.json["name"] == f"w{worker} {number}"
            for answer in (created, read, patched, listed):
                statuses[answer.status] = statuses.get(answer.status, 0) + 1

    writers = [asyncio.create_task(write(worker)) for worker in range(6)]
    connection = await asyncpg.connect(api.database_url)
    for _ in range(5):
        done = await rebuild(connection)
        assert done.differed == {"workflows": 0, "workflow_triggers": 0}
    stop.set()
    await asyncio.gather(*writers)
    assert set(statuses) == {200, 201}, "a caller reads its own write, also across an exchange"
    assert (await rebuild(connection)).differed == {"workflows": 0, "workflow_triggers": 0}
    tables = await connection.fetch(
        "SELECT relname FROM pg_class WHERE relname LIKE 'rebuilt%' AND relkind IN ('r', 'i')"
    )
    assert tables == []
    await connection.close()


async def test_a_rebuild_that_was_cut_short_leaves_nothing_in_the_way(
    api: Any, workflow_id: str, eventually: Any
) -> None:
    await lives(api, workflow_id, many=4)
    connection = await asyncpg.connect(api.database_url)
    holder = await asyncpg.connect(api.database_url)
    blocked = holder.transaction()
    await blocked.start()
    await holder.execute("LOCK TABLE trigger_api.workflow_triggers IN ROW EXCLUSIVE MODE")
    task = asyncio.create_task(rebuild(connection))
    waiting = "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND NOT granted"
    await eventually(lambda: holder.fetchval(waiting))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await connection.close()
    await blocked.rollback()
    await holder.close()
    connection = await asyncpg.connect(api.database_url)
    assert (await rebuild(connection)).differed == {"workflows": 0, "workflow_triggers": 0}
    await connection.close()


async def test_the_command_says_what_it_found(api: Any, workflow_id: str) -> None:
    await lives(api, workflow_id, many=3)
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "trigger_api", "rebuild"],
        env={"PATH": os.environ["PATH"], "DATABASE_URL": api.database_url},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout == (
        "workflows: 1 rows rebuilt, 0 were not as the log says\n"
        "workflow_triggers: 3 rows rebuilt, 0 were not as the log says\n"
    )
