"""The ceiling that trigger-api is compared with: aiohttp and asyncpg, and nothing of ours.

It answers without authentication, validation, logs or metrics. ``POST /create`` makes the inserts that
creating a trigger makes (event, outbox, projection) in one transaction; ``GET /read/{id}`` selects a row.
"""

import json
import os
from datetime import UTC, datetime
from uuid import UUID, uuid4

import asyncpg
import uvloop
from aiohttp import web

POOL = web.AppKey("pool", asyncpg.Pool)

_EVENT = (
    "INSERT INTO trigger_api.trigger_events (stream_id, aggregate, version, workspace, type, data, actor,"
    " request_id, occurred_at) VALUES ($1, 'trigger', 1, 'bare', 'TriggerCreated', $2, 'bare', 'r', $3)"
    " RETURNING position"
)
# With ``refused`` set, so that the service's relay does not publish what is no message.
_OUTBOX = (
    "INSERT INTO trigger_api.outbox (position, subject, message, refused) VALUES ($1, 'bare', $2, 'bare')"
)
_PROJECTION = (
    "INSERT INTO trigger_api.workflow_triggers (id, workspace, workflow_id, name, trigger_type, config,"
    " enabled, version, created_at, updated_at) VALUES ($1, 'bare', $2, $3, 'manual', $4, true, 1, $5, $5)"
)
_READ = "SELECT id, name, config, version, created_at FROM trigger_api.workflow_triggers WHERE id = $1"


async def create(request: web.Request) -> web.Response:
    body = await request.json()
    trigger_id, now = uuid4(), datetime.now(UTC)
    config = json.dumps(body["config"])
    async with request.app[POOL].acquire() as connection, connection.transaction():
        position = await connection.fetchval(_EVENT, trigger_id, json.dumps(body), now)
        await connection.execute(_OUTBOX, position, json.dumps(body).encode())
        await connection.execute(_PROJECTION, trigger_id, UUID(body["workflowId"]), body["name"], config, now)
    return web.json_response({"id": str(trigger_id)}, status=201)


async def read(request: web.Request) -> web.Response:
    async with request.app[POOL].acquire() as connection:
        row = await connection.fetchrow(_READ, UUID(request.match_info["id"]))
    if row is None:
        raise web.HTTPNotFound
    return web.json_response(
        {
            "id": str(row["id"]),
            "name": row["name"],
            "config": json.loads(row["config"]),
            "version": row["version"],
            "createdAt": row["created_at"].isoformat(),
        }
    )


async def pool(app: web.Application) -> None:
    app[POOL] = await asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=10, max_size=10)


async def main() -> web.Application:
    app = web.Application()
    app.on_startup.append(pool)
    app.add_routes([web.post("/create", create), web.get("/read/{id}", read)])
    return app


if __name__ == "__main__":
    uvloop.install()
    web.run_app(main(), host="127.0.0.1", port=int(os.environ["PORT"]), access_log=None, print=None)
