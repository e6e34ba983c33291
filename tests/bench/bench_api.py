"""trigger-api against a bare handler, in one run on one machine: ratios, as JSON lines.

``make bench-api``. The servers are real: PostgreSQL with fsync, NATS with ``sync_interval: always``.
"""

import asyncio
import base64
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import asyncpg
import jwt
import nats
from load import Measured, middle, say, wrk

from embedded_stack.ports import free_port
from embedded_stack.servers.nats import NatsServer
from embedded_stack.servers.postgres import Durability, PostgresServer
from embedded_stack.servers.running import running
from trigger_contracts import config

ROUNDS = 5
SECONDS = 4
CONNECTIONS = 16
JWT_SECRET = "a-secret-for-benchmarks-that-is-long-enough"
DEFINITION = {
    "nodes": {
        "in": {"type": "input", "name": "In", "config": {}},
        "out": {"type": "output", "name": "Out", "config": {"value": "{{trigger.payload}}"}},
    },
    "edges": [{"id": "e", "source": "in", "target": "out"}],
    "entryPoint": "in",
}


def token(workspace: str) -> str:
    claims = {
        "sub": "bench",
        "org": workspace,
        "iss": "flowmaestro",
        "aud": "flowmaestro-triggers",
        "exp": datetime.now(UTC) + timedelta(hours=2),
    }
    return jwt.encode(claims, JWT_SECRET, algorithm="HS256")


@asynccontextmanager
async def process(*command: str, log: Path, **environment: str) -> AsyncIterator[None]:
    with log.open("wb") as output:
        started = await asyncio.create_subprocess_exec(
            sys.executable, *command, env={**os.environ, **environment}, stdout=output, stderr=output
        )
        try:
            yield
        finally:
            started.terminate()
            await started.wait()


async def until_ready(url: str) -> None:
    async with aiohttp.ClientSession() as session:
        for _ in range(400):
            try:
                async with session.get(url) as answer:
                    if answer.status in {200, 404}:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.05)
    raise SystemExit(f"nothing answers at {url}")


async def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with (
            running(PostgresServer(directory=folder / "postgres", durability=Durability.ON)) as postgres,
            running(NatsServer(directory=folder / "nats")) as bus,
        ):
            environment = {
                "DATABASE_URL": postgres.url,
                "NATS_URL": bus.url,
                "JWT_SECRET": JWT_SECRET,
                "SECRET_KEYS": "bench:" + base64.b64encode(bytes(32)).decode(),
            }
            await asyncio.to_thread(
                subprocess.run,
                [sys.executable, "-m", "trigger_api", "migrate"],
                env={**os.environ, **environment},
                check=True,
                capture_output=True,
            )
            ours, bare = free_port(), free_port()
            async with (
                process(
                    *("-m", "trigger_api", "serve"),
                    log=folder / "api.log",
                    **environment,
                    HTTP_PORT=str(ours),
                ),
                process(
                    str(Path(__file__).with_name("bare_api.py")),
                    log=folder / "bare.log",
                    **environment,
                    PORT=str(bare),
                ),
            ):
                await until_ready(f"http://127.0.0.1:{ours}/readyz")
                await until_ready(f"http://127.0.0.1:{bare}/read/{uuid4()}")
                bench = Bench(
                    f"http://127.0.0.1:{ours}", bare=f"http://127.0.0.1:{bare}", database=postgres.url
                )
                await bench.prepare()
                await bench.reading()
                await bench.creating()
                if "--short" not in sys.argv:
                    await bench.paging()
                    await bench.relaying(bus.url)


class Bench:
    """Each method measures one thing and says it."""

    def __init__(self, ours: str, *, bare: str, database: str) -> None:
        self.ours = ours
        self.bare = bare
        self.database = database
        self.headers = {"Authorization": f"Bearer {token('bench')}", "Content-Type": "application/json"}
        self.workflow_id = ""
        self.ids: list[str] = []

    async def prepare(self) -> None:
        async with aiohttp.ClientSession(self.ours, headers=self.headers) as session:
            async with session.post("/api/workflows", json={"name": "W", "definition": DEFINITION}) as answer:
                self.workflow_id = (await answer.json())["id"]
            for number in range(200):
                async with session.post("/api/triggers", json=self.body(f"t{number}")) as answer:
                    self.ids.append((await answer.json())["id"])

    def body(self, name: str) -> dict[str, Any]:
        config = {"description": "x" * 100, "inputs": {"a": 1, "b": [1, 2, 3]}}
        return {"workflowId": self.workflow_id, "name": name, "triggerType": "manual", "config": config}

    async def compare(self, name: str, *, ours: str, bare: str, script: str, wanted: float) -> None:
        """Run both by turns, so that what else the machine does meets both."""
        mine: list[Measured] = []
        ceiling: list[Measured] = []
        for _ in range(ROUNDS):
            for url, runs, headers in ((bare, ceiling, {}), (ours, mine, self.headers)):
                done = await asyncio.to_thread(
                    wrk, url, seconds=SECONDS, connections=CONNECTIONS, headers=headers, script=script
                )
                runs.append(done)
        ratios = [a.per_second / b.per_second for a, b in zip(mine, ceiling, strict=True)]
        best, top = middle(mine), middle(ceiling)
        say(
            name,
            ratio=statistics.median(ratios),
            wanted=wanted,
            ratios=[round(ratio, 3) for ratio in ratios],
            per_second=best.per_second,
            bare_per_second=top.per_second,
            p99_ms=best.p99_ms,
            bare_p99_ms=top.p99_ms,
            errors=best.errors + top.errors,
            connections=CONNECTIONS,
        )

    async def reading(self) -> None:
        ids = ", ".join(f'"{key}"' for key in self.ids)
        script = (
            f"local ids = {{ {ids} }}\nlocal n = 0\n"
            "function request() n = n % #ids + 1; return wrk.format(nil, wrk.path .. ids[n]) end\n"
        )
        await self.compare(
            "read by id",
            ours=f"{self.ours}/api/triggers/",
            bare=f"{self.bare}/read/",
            script=script,
            wanted=0.7,
        )

    async def creating(self) -> None:
        body = json.dumps(json.dumps(self.body("bench")))
        script = f'wrk.method = "POST"\nwrk.body = {body}\nwrk.headers["Content-Type"] = "application/json"\n'
        await self.compare(
            "create",
            ours=f"{self.ours}/api/triggers",
            bare=f"{self.bare}/create",
            script=script,
            wanted=0.6,
        )

    async def paging(self) -> None:
        """A page of 50 in a workspace of 1,000 and in one of 100,000, and far into the larger one."""
        connection = await asyncpg.connect(self.database)
        for workspace, count in (("small", 1_000), ("large", 100_000)):
            await connection.execute(
                "INSERT INTO trigger_api.workflow_triggers (id, workspace, workflow_id, name, trigger_type,"
                " config, enabled, version, created_at, updated_at)"
                " SELECT gen_random_uuid(), $1, $2, 'trigger ' || n, 'manual',"
                ' \'{"triggerType":"manual","inputs":{"a":1}}\', n % 10 > 0, 1, now(), now()'
                " FROM generate_series(1, $3::integer) AS n",
                workspace,
                self.workflow_id,
                count,
            )
        await connection.execute("VACUUM ANALYZE trigger_api.workflow_triggers")
        middle_id = await connection.fetchval(
            "SELECT id FROM trigger_api.workflow_triggers WHERE workspace = 'large'"
            " ORDER BY id DESC OFFSET 50000 LIMIT 1"
        )
        await connection.close()
        cursor = base64.urlsafe_b64encode(f'{{"id":"{middle_id}"}}'.encode()).decode().rstrip("=")
        for name, query in (
            ("first page", ""),
            ("page in the middle", f"&cursor={cursor}"),
            ("page of the paused", "&enabled=false"),
            ("page of a type", "&type=manual"),
        ):
            small: list[Measured] = []
            large: list[Measured] = []
            for _ in range(ROUNDS):
                for workspace, runs in (("small", small), ("large", large)):
                    sought = "" if workspace == "small" and "cursor" in query else query
                    done = await asyncio.to_thread(
                        wrk,
                        f"{self.ours}/api/triggers?limit=50{sought}",
                        seconds=2,
                        connections=1,
                        headers={"Authorization": f"Bearer {token(workspace)}"},
                    )
                    runs.append(done)
            say(
                f"{name} of 50, 100,000 triggers against 1,000",
                ratio=middle(large).p50_ms / middle(small).p50_ms,
                wanted_at_most=1.5,
                p50_ms=middle(large).p50_ms,
                small_p50_ms=middle(small).p50_ms,
                errors=middle(large).errors + middle(small).errors,
            )

    async def relaying(self, nats_url: str, *, rate: int = 300, seconds: int = 15) -> None:
        """How long a change takes from being decided to being received from ``CONFIG``."""
        lags: list[float] = []
        client = await nats.connect(nats_url)

        async def received(message: Any) -> None:
            changed = config.TRIGGERS.decode(message.data).change
            lags.append(time.time() - changed.at.timestamp())

        await client.subscribe("config.trigger.*", cb=received)
        async with aiohttp.ClientSession(
            self.ours, headers=self.headers, connector=aiohttp.TCPConnector(limit=64)
        ) as session:

            async def change(number: int) -> int:
                path = f"/api/triggers/{self.ids[number % len(self.ids)]}"
                async with session.patch(path, json={"name": f"changed {number}"}) as answer:
                    await answer.read()
                    return answer.status

            loop = asyncio.get_running_loop()
            begun, tasks = loop.time(), []
            for number in range(rate * seconds):
                await asyncio.sleep(max(0.0, begun + number / rate - loop.time()))
                tasks.append(asyncio.create_task(change(number)))
            statuses = await asyncio.gather(*tasks)
            took = loop.time() - begun
        await asyncio.sleep(1)
        await client.close()
        lags.sort()
        say(
            f"relay lag at {rate} changes/s",
            p99_ms=lags[int(len(lags) * 0.99)] * 1000,
            wanted_at_most_ms=250,
            p50_ms=lags[len(lags) // 2] * 1000,
            highest_ms=lags[-1] * 1000,
            changes=len(statuses),
            received=len(lags),
            refused=sum(status != 200 for status in statuses),
            per_second=len(statuses) / took,
        )


if __name__ == "__main__":
    asyncio.run(main())
