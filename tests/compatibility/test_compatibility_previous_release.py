"""A roll-out and a roll-back: this release beside the one before it, on one database, bus and Temporal.

The previous release comes out of git, and runs with the same installed libraries. What one of them writes
(stored events, messages, rows, workflows under way), the other one reads, and every 202 runs exactly once.
"""

import asyncio
import io
import os
import secrets
import subprocess
import sys
import tarfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import msgspec
import pytest
from repository import ROOT

from embedded_stack import http_probe
from embedded_stack.credentials import (
    JWT_ALGORITHM,
    JWT_AUDIENCE,
    JWT_ISSUER,
    development_token,
    kept_credentials,
)
from embedded_stack.ports import LOOPBACK, free_port
from embedded_stack.services import SERVICES

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

PREVIOUS = "c2b71888eeb6aca991ef2026fd4ffc5b7b06fc11"
"""The commit of the release before this one."""
NAMES = tuple(definition.name for definition in SERVICES)
JWT_SECRET = secrets.token_urlsafe(48)


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """``source`` is where its packages are; ``None`` is what is installed here."""

    name: str
    source: Path | None

    def environment(self, settings: dict[str, str]) -> dict[str, str]:
        path = []
        if self.source is not None:
            path = [str(folder) for folder in sorted(self.source.glob("*/*/src"))]
        return {
            **{name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ},
            "PYTHONPATH": os.pathsep.join(path),
            "PYTHONUNBUFFERED": "1",
            **settings,
        }


NEW = Release(name="new", source=None)


@pytest.fixture(scope="session")
def old(tmp_path_factory: pytest.TempPathFactory) -> Release:
    """The previous release, unpacked."""
    archive = subprocess.run(
        ["git", "archive", PREVIOUS, "libs", "services"], cwd=ROOT, capture_output=True, check=False
    )
    if archive.returncode != 0:
        pytest.skip("the previous release is not in this copy's history (a shallow clone, or no git)")
    source = tmp_path_factory.mktemp("previous")
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
        files.extractall(source, filter="data")
    release = Release(name="old", source=source)
    code = "import trigger_api, trigger_contracts as c; print(trigger_api.__file__, c.__file__)"
    imported = subprocess.run(
        [sys.executable, "-c", code], env=release.environment({}), check=True, capture_output=True, text=True
    )
    assert all(path.startswith(str(source)) for path in imported.stdout.split()), imported.stdout
    return release


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """The servers that both releases share."""

    settings: dict[str, str]
    logs: Path
    eventually: Any

    @asynccontextmanager
    async def running(
        self, release: Release, *, services: Sequence[str] = NAMES
    ) -> AsyncIterator[dict[str, str]]:
        """Run services of a release; yields their addresses once all are ready."""
        async with AsyncExitStack() as stack:
            urls = {name: await stack.enter_async_context(self._service(release, name)) for name in services}
            yield urls

    @asynccontextmanager
    async def _service(self, release: Release, name: str) -> AsyncIterator[str]:
        definition = next(one for one in SERVICES if one.name == name)
        port = free_port()
        settings = {key: self.settings[key] for key in definition.settings if key in self.settings}
        environment = release.environment(
            {**settings, "HTTP_HOST": LOOPBACK, "HTTP_PORT": str(port), "DRAIN_SECONDS": "0"}
        )
        path = self.logs / f"{release.name}-{name}-{port}.log"
        with path.open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                *definition.serve, env=environment, stdout=log, stderr=subprocess.STDOUT
            )
            try:
                async with asyncio.timeout(60):
                    ready = asyncio.ensure_future(http_probe.until_ok(port, path="/readyz"))
                    ended = asyncio.ensure_future(process.wait())
                    await asyncio.wait({ready, ended}, return_when=asyncio.FIRST_COMPLETED)
                    assert process.returncode is None, path.read_text()
                    await ready
                    ended.cancel()
                yield f"http://{LOOPBACK}:{port}"
            finally:
                if process.returncode is None:
                    process.terminate()
                assert await process.wait() == 0, path.read_text()

    def migrate(self, release: Release) -> None:
        _migrate(release, url=self.settings["DATABASE_URL"])


def _migrate(release: Release, *, url: str) -> None:
    for definition in SERVICES:
        if definition.migrate is not None:
            subprocess.run(definition.migrate, env=release.environment({"DATABASE_URL": url}), check=True)


@pytest.fixture
async def world(
    old: Release,
    new_database: Any,
    nats_url: str,
    temporal_address: str,
    tmp_path: Path,
    eventually: Any,
) -> World:
    """The servers, with the schema of the previous release."""
    database = await new_database("previous-release", lambda url: _migrate(old, url=url))
    settings = {
        "DATABASE_URL": database,
        "NATS_URL": nats_url,
        "NATS_STREAM_REPLICAS": "1",
        "TEMPORAL_ADDRESS": temporal_address,
        "TEMPORAL_NAMESPACE": "default",
        "JWT_SECRET": JWT_SECRET,
        "JWT_ALGORITHM": JWT_ALGORITHM,
        "JWT_ISSUER": JWT_ISSUER,
        "JWT_AUDIENCE": JWT_AUDIENCE,
        "SECRET_KEYS": kept_credentials(tmp_path / "credentials.json").secret_keys,
    }
    return World(settings=settings, logs=tmp_path, eventually=eventually)


class User:
    """Somebody who manages triggers and sends webhooks, and remembers every promise."""

    def __init__(self, session: aiohttp.ClientSession, *, eventually: Any) -> None:
        self._session = session
        self._eventually = eventually
        self._token = development_token(JWT_SECRET, now=datetime.now(UTC))
        self.promised: dict[str, set[str]] = {}

    async def call(self, url: str, method: str, path: str, body: Any = None, **headers: str) -> Any:
        headers = {"Authorization": f"Bearer {self._token}", **headers}
        async with self._session.request(method, url + path, json=body, headers=headers) as response:
            text = await response.text()
            assert response.status < 300, (method, path, text)
            return msgspec.json.decode(text) if text else None

    async def deliver(self, url: str, trigger: Any, key: str) -> None:
        """Send a webhook until it is accepted, as providers do."""

        async def accepted() -> bool:
            headers = {"X-API-Key": trigger["webhookSecret"], "Idempotency-Key": key}
            path = f"{url}/api/webhooks/{trigger['id']}"
            async with self._session.post(path, json={"key": key}, headers=headers) as response:
                if response.status == 202:
                    self.promised.setdefault(key, set()).add((await response.json())["executionId"])
                # 404: the ingress has not followed the new trigger yet.
                assert response.status in {202, 404, 503}, await response.text()
                return response.status == 202

        await self._eventually(accepted, seconds=30)

    async def all_ran_once(self, url: str, trigger: Any) -> bool:
        rows: list[Any] = []
        cursor: str | None = ""
        while cursor is not None:
            path = f"/api/triggers/{trigger['id']}/executions?limit=200{cursor}"
            page = await self.call(url, "GET", path)
            rows += page["items"]
            cursor = f"&cursor={page['nextCursor']}" if page["nextCursor"] else None
        ran = {row["outputs"]: {row["id"]} for row in rows if row["status"] == "completed"}
        return len(rows) == len(ran) and ran == self.promised


@pytest.fixture
async def user(eventually: Any) -> AsyncIterator[User]:
    """A user with a token."""
    async with aiohttp.ClientSession() as session:
        yield User(session, eventually=eventually)


WORKFLOW = {
    "name": "Echo",
    "definition": {
        "nodes": {
            "in": {"type": "input", "name": "Input", "config": {}},
            "out": {
                "type": "output",
                "name": "Output",
                "config": {"value": "{{trigger.payload.body.key}}"},
            },
        },
        "edges": [{"source": "in", "target": "out"}],
        "entryPoint": "in",
    },
}
API, INGRESS, RECORDER = "trigger-api", "webhook-ingress", "execution-recorder"
MERGE_PATCH = {"Content-Type": "application/merge-patch+json"}


async def test_rolling_forward_and_back_loses_nothing(world: World, user: User, old: Release) -> None:
    async with AsyncExitStack() as old_release:
        first = await old_release.enter_async_context(world.running(old))
        workflow = await user.call(first[API], "POST", "/api/workflows", WORKFLOW)
        hook = await user.call(
            first[API],
            "POST",
            "/api/triggers",
            {
                "workflowId": workflow["id"],
                "name": "Hook",
                "triggerType": "webhook",
                "config": {"authType": "api_key"},
            },
        )
        schedule = await user.call(
            first[API],
            "POST",
            "/api/triggers",
            {
                "workflowId": workflow["id"],
                "name": "Nightly",
                "triggerType": "schedule",
                "config": {"cronExpression": "0 3 * * *", "timezone": "Europe/Amsterdam"},
            },
        )
        await asyncio.gather(*(user.deliver(first[INGRESS], hook, f"old-{n}") for n in range(10)))

        # Forward: the new migrations come first, then both releases serve side by side.
        world.migrate(NEW)
        async with world.running(NEW) as second:
            await _both_serve(user, first=first, second=second, hook=hook, schedule=schedule)
            await old_release.aclose()
            # Alone: what the old release left is finished by the new one.
            await asyncio.gather(*(user.deliver(second[INGRESS], hook, f"new-{n}") for n in range(10)))
            await world.eventually(lambda: user.all_ran_once(second[RECORDER], hook), seconds=60)

            # Back: the old release starts again on what the new one wrote.
            async with world.running(old) as third:
                await _both_serve(user, first=second, second=third, hook=hook, schedule=schedule)
                await world.eventually(lambda: user.all_ran_once(third[RECORDER], hook), seconds=60)
    assert {len(ids) for ids in user.promised.values()} == {1}, "a repeated key gets the same execution"


async def _both_serve(
    user: User, *, first: dict[str, str], second: dict[str, str], hook: Any, schedule: Any
) -> None:
    """Change and deliver through both; each reads what the other one wrote."""
    run = uuid4().hex
    for number in range(6):
        writer, reader = (first, second) if number % 2 else (second, first)
        path = f"/api/triggers/{schedule['id']}"
        change: Any = {"name": f"{run}-{number}", "config": {"cronExpression": f"{number} 3 * * *"}}
        before = await user.call(reader[API], "GET", path)
        changed = await user.call(
            writer[API], "PATCH", path, change, **MERGE_PATCH, **{"If-Match": f'"{before["version"]}"'}
        )
        seen = await user.call(reader[API], "GET", path)
        assert (seen["name"], seen["version"]) == (change["name"], changed["version"])
        assert seen["config"]["cronExpression"] == change["config"]["cronExpression"]
        both = [await user.call(api[API], "GET", f"{path}/events") for api in (first, second)]
        assert both[0] == both[1]
    await asyncio.gather(
        *(
            user.deliver(ingress, hook, f"{run}-{number}")
            for number in range(10)
            for ingress in (first[INGRESS], second[INGRESS])
        )
    )
    # A key that was accepted by one ingress is the same promise at the other one; so is a request's key.
    body: Any = {"inputs": {}}
    runs = [
        await user.call(
            api[API], "POST", f"/api/triggers/{schedule['id']}/execute", body, **{"Idempotency-Key": run}
        )
        for api in (first, second)
    ]
    assert runs[0] == runs[1]
