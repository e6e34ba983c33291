"""The whole stack, started as `make run` starts it, and a client that sees it from outside."""

import hashlib
import hmac
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
import pytest_asyncio

from embedded_stack.testing import Extent, running_stack

ENDED = {"completed", "failed", "cancelled", "timed_out", "terminated"}


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[dict[str, Any]]:
    """One stack with its sample for the session: what `stack.json` says, and where it is."""
    var = tmp_path_factory.mktemp("stack") / "var"
    # A line for each request, because a test follows one through the logs.
    each = {"ACCESS_LOG": "each"}
    async with running_stack(var, extent=Extent.EVERYTHING, environment=each) as document:
        yield {**document, "var": var}


class Client:
    """What a user of the system has: an address, a token, and a bus for internal events."""

    def __init__(self, session: aiohttp.ClientSession, *, stack: dict[str, Any], eventually: Any) -> None:
        self.session = session
        self.stack = stack
        self._eventually = eventually

    async def call(self, method: str, path: str, body: Any = None, *, status: int) -> Any:
        """Call the management API through the gateway."""
        headers = {"Authorization": f"Bearer {self.stack['token']}"}
        async with self.session.request(method, path, json=body, headers=headers) as answer:
            text = await answer.text()
            assert answer.status == status, text
            return msgspec.json.decode(text) if text else None

    async def workflow(self, output: Any) -> str:
        """Register a workflow that picks something out of its payload."""
        definition = {
            "nodes": {
                "in": {"type": "input", "name": "Input", "config": {}},
                "pick": {"type": "transform", "name": "Pick", "config": {"output": output}},
                "out": {"type": "output", "name": "Output", "config": {"value": "{{nodes.pick.output}}"}},
            },
            "edges": [{"source": "in", "target": "pick"}, {"source": "pick", "target": "out"}],
            "entryPoint": "in",
        }
        body = {"name": "e2e", "definition": definition}
        found: str = (await self.call("POST", "/api/workflows", body, status=201))["id"]
        return found

    async def trigger(self, kind: str, config: dict[str, Any], *, workflow_id: str, **more: Any) -> Any:
        """Create a trigger; a webhook is usable when this returns."""
        body = {"workflowId": workflow_id, "name": kind, "triggerType": kind, "config": config, **more}
        created = await self.call("POST", "/api/triggers", body, status=201)
        if kind == "webhook":
            await self._eventually(lambda: self._known(created["id"]))
        return created

    async def _known(self, trigger_id: str) -> bool:
        # The 201 comes before every service knows the trigger. A method that no trigger takes shows when
        # the ingress does: it is refused as such, and recorded as such.
        async with self.session.request("TRACE", f"/api/webhooks/{trigger_id}") as answer:
            return answer.status != 404

    async def deliver(self, trigger: Any, body: bytes, **headers: str) -> tuple[int, Any, Any]:
        """Send a webhook, signed as GitHub signs it."""
        digest = hmac.new(trigger["webhookSecret"].encode(), body, hashlib.sha256).hexdigest()
        signed = {"Content-Type": "application/json", "X-Hub-Signature-256": f"sha256={digest}", **headers}
        path = f"/api/webhooks/{trigger['id']}"
        async with self.session.post(path, data=body, headers=signed) as answer:
            return answer.status, msgspec.json.decode(await answer.read()), answer.headers

    async def ended(self, execution_id: str, *, seconds: float = 30.0) -> Any:
        """Return an execution once it has ended."""

        async def look() -> Any:
            headers = {"Authorization": f"Bearer {self.stack['token']}"}
            async with self.session.get(f"/api/executions/{execution_id}", headers=headers) as answer:
                document = msgspec.json.decode(await answer.read())
            return document if answer.status == 200 and document["status"] in ENDED else None

        return await self._eventually(look, seconds=seconds)

    async def executions(self, trigger_id: str) -> list[Any]:
        """Return the executions of a trigger."""
        page = await self.call("GET", f"/api/triggers/{trigger_id}/executions", status=200)
        found: list[Any] = page["items"]
        return found

    def pid(self, name: str) -> int:
        """Return the process id of a service, as it is now."""
        document = msgspec.json.decode((self.stack["var"] / "stack.json").read_bytes())
        found: int = document["services"][name]["pid"]
        return found

    def signal(self, name: str, number: signal.Signals) -> None:
        """Send a signal to a service."""
        os.kill(self.pid(name), number)


@pytest.fixture
async def client(stack: dict[str, Any], eventually: Any) -> AsyncIterator[Client]:
    """A client of the session's stack."""
    async with aiohttp.ClientSession(stack["base_url"]) as session:
        yield Client(session, stack=stack, eventually=eventually)


@pytest.fixture
def github_push() -> bytes:
    """A push delivery as GitHub sends it: about 8 KB, not all of it ASCII."""
    return (Path(__file__).parent / "github_push.json").read_bytes()
