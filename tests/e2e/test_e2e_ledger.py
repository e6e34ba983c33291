"""A ledger of what was promised, kept outside, while processes die."""

import asyncio
import os
import signal
from typing import Any

import aiohttp
import msgspec
import pytest
from temporalio.client import Client as Temporal

pytestmark = pytest.mark.e2e

SENDERS = 8
DELIVERIES = 25


class Ledger:
    """What each sender was promised: the execution ids that it was answered, by its key."""

    def __init__(self, client: Any, *, trigger: Any, victims: list[str], eventually: Any) -> None:
        self.promised: dict[str, set[str]] = {}
        self.victims = victims
        self._client = client
        self._trigger = trigger
        self._eventually = eventually

    async def sender(self, number: int) -> None:
        """Send one delivery after the other; the first sender kills now and then."""
        for turn in range(DELIVERIES):
            # Until it is promised, as providers do.
            await self._eventually(lambda key=f"{number}-{turn}": self._send(key), seconds=60)
            if number == 0 and turn % 5 == 4 and self.victims:
                kill(self._client, self.victims.pop(0))

    async def _send(self, key: str) -> bool:
        body = msgspec.json.encode({"key": key})
        try:
            status, answer, _ = await self._client.deliver(self._trigger, body, **{"Idempotency-Key": key})
        except (aiohttp.ClientError, msgspec.DecodeError):
            return False  # an answer that never came is no promise
        assert status in {202, 503}, answer
        if status == 202:
            self.promised.setdefault(key, set()).add(answer["executionId"])
        return bool(status == 202)


@pytest.mark.timeout(300)
async def test_every_202_runs_exactly_once_whatever_process_is_killed(client: Any, eventually: Any) -> None:
    workflow_id = await client.workflow("{{trigger.payload.body.key}}")
    trigger = await client.trigger("webhook", {"authType": "hmac"}, workflow_id=workflow_id)
    victims = ["webhook-ingress", "orchestrator-worker", "nats", "execution-recorder", "webhook-ingress"]
    ledger = Ledger(client, trigger=trigger, victims=victims, eventually=eventually)
    await asyncio.gather(*(ledger.sender(number) for number in range(SENDERS)))
    assert victims == [], "all were killed"
    assert len(ledger.promised) == SENDERS * DELIVERIES
    assert {len(ids) for ids in ledger.promised.values()} == {1}, "a repetition gets the same answer"

    async def all_ended() -> Any:
        rows = await everything(client, trigger["id"])
        completed = [row for row in rows if row["status"] == "completed"]
        return rows if len(completed) == len(rows) == len(ledger.promised) else None

    rows = await eventually(all_ended, seconds=180)
    assert {row["outputs"]: row["id"] for row in rows} == {
        key: ids.pop() for key, ids in ledger.promised.items()
    }
    temporal = await Temporal.connect(client.stack["temporal_address"])
    names = [f"execution-{row['id']}" for row in rows]
    for name in names:
        runs = [run.run_id async for run in temporal.list_workflows(f"WorkflowId = '{name}'")]
        assert len(runs) == 1, name


def kill(client: Any, name: str) -> None:
    """Kill a service or a server; the supervisor starts it again."""
    document = msgspec.json.decode((client.stack["var"] / "stack.json").read_bytes())
    os.kill({**document["services"], **document["servers"]}[name]["pid"], signal.SIGKILL)


async def everything(client: Any, trigger_id: str) -> list[Any]:
    """Return all executions of a trigger, page by page; none while the API is away."""
    rows: list[Any] = []
    cursor = ""
    headers = {"Authorization": f"Bearer {client.stack['token']}"}
    while True:
        path = f"/api/triggers/{trigger_id}/executions?limit=200{cursor}"
        async with client.session.get(path, headers=headers) as answer:
            if answer.status != 200:
                return []
            page = msgspec.json.decode(await answer.read())
        rows += page["items"]
        if page["nextCursor"] is None:
            return rows
        cursor = f"&cursor={page['nextCursor']}"
