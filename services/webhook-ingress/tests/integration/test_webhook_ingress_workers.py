"""Several processes behind one port, as the process that is started: they share it, live, die and drain."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from embedded_stack.ports import free_port
from embedded_stack.servers.nats import NatsServer

pytestmark = pytest.mark.integration


class Parent:
    """The process that is started, and its log."""

    def __init__(self, process: asyncio.subprocess.Process, *, port: int, log: Path, eventually: Any) -> None:
        self.process = process
        self.url = f"http://127.0.0.1:{port}"
        self._log = log
        self._eventually = eventually

    def lines(self, event: str) -> list[Any]:
        lines = [msgspec.json.decode(line) for line in self._log.read_bytes().splitlines()]
        return [line for line in lines if line["event"] == event]

    async def get(self, path: str) -> tuple[int, str]:
        # A connection of its own each time: any of the processes may get it.
        try:
            async with aiohttp.ClientSession() as session, session.get(self.url + path) as answer:
                return answer.status, await answer.text()
        except aiohttp.ClientError:
            return 0, ""

    async def ready(self, *, workers: int) -> None:
        async def look() -> bool:
            assert self.process.returncode is None, self._log.read_text()
            status, text = await self.get("/readyz")
            return status == 200 and msgspec.json.decode(text)["workers"] == workers

        await self._eventually(look)

    async def know(self, *, triggers: int) -> None:
        """Wait for all three: each reads for itself, and one that is behind truly answers 404."""

        async def look() -> bool:
            _, text = await self.get("/metrics")
            known = [line for line in text.splitlines() if line.startswith("webhook_triggers{")]
            return [float(line.rpartition(" ")[2]) for line in known] == [triggers] * 3

        await self._eventually(look)

    async def send(self, trigger_id: Any) -> int:
        address = f"{self.url}/api/webhooks/{trigger_id}"
        async with aiohttp.ClientSession() as session, session.post(address, data=b"x") as answer:
            return answer.status


@pytest.fixture
async def parent(
    nats_server: NatsServer, ingress: Any, tmp_path: Path, eventually: Any
) -> AsyncIterator[Parent]:
    port, log = free_port(), tmp_path / "log"
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "webhook_ingress", "serve"),
            env={
                "PATH": os.defpath,
                "HTTP_PORT": str(port),
                "NATS_URL": nats_server.url,
                "SECRET_KEYS": ingress.settings.secret_keys.reveal(),
                "WORKERS": "3",
            },
            stdout=output,
            stderr=output,
        )
    found = Parent(process, port=port, log=log, eventually=eventually)
    await found.ready(workers=3)
    yield found
    if process.returncode is None:
        process.terminate()
        await process.wait()


async def test_all_of_them_take_requests_and_are_seen(parent: Parent, ingress: Any, eventually: Any) -> None:
    trigger_id = await ingress.serving()

    async def known() -> bool:
        # Each process reads for itself; each time another one is asked.
        return {await parent.send(trigger_id) for _ in range(30)} == {202}

    await eventually(known)
    _, text = await parent.get("/metrics")
    counts = {
        line.split('worker="')[1][0]: float(line.rpartition(" ")[2])
        for line in text.splitlines()
        if line.startswith('webhook_deliveries_total{outcome="accepted"')
    }
    assert sum(counts.values()) >= 30
    assert set(counts) == {"0", "1", "2"}


async def test_one_that_dies_is_started_again(parent: Parent, ingress: Any, eventually: Any) -> None:
    trigger_id = await ingress.serving()
    await parent.know(triggers=1)
    (first,) = [line for line in parent.lines("worker started") if line["number"] == 1]
    os.kill(first["pid"], signal.SIGKILL)

    async def again() -> bool:
        return len([line for line in parent.lines("worker started") if line["number"] == 1]) == 2

    await eventually(again)
    await parent.ready(workers=3)
    statuses = await asyncio.gather(*(parent.send(trigger_id) for _ in range(60)))
    assert set(statuses) == {202}


async def test_the_end_is_everybodys(parent: Parent, ingress: Any) -> None:
    trigger_id = await ingress.serving()
    await parent.know(triggers=1)
    pids = [line["pid"] for line in parent.lines("worker started")]
    sent = [asyncio.create_task(parent.send(trigger_id)) for _ in range(50)]
    await asyncio.wait(sent, return_when=asyncio.FIRST_COMPLETED)
    parent.process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(30):
        assert await parent.process.wait() == 0
    assert len(parent.lines("service stopped")) == 4
    assert not any(_lives(pid) for pid in pids)
    results = await asyncio.gather(*sent, return_exceptions=True)
    # Answered, or never accepted: none was dropped half-way.
    assert {result for result in results if isinstance(result, int)} == {202}
    assert all(isinstance(result, int | aiohttp.ClientConnectionError) for result in results)


async def test_workers_do_not_outlive_their_parent(parent: Parent, eventually: Any) -> None:
    pids = [line["pid"] for line in parent.lines("worker started")]
    parent.process.kill()
    await parent.process.wait()

    async def gone() -> bool:
        return not any(_lives(pid) for pid in pids)

    await eventually(gone)


async def test_a_worker_that_cannot_live_ends_the_parent(nats_server: NatsServer, tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "webhook_ingress", "serve"),
        # Nobody may listen here.
        env={
            "PATH": os.defpath,
            "HTTP_HOST": "192.0.2.1",
            "NATS_URL": nats_server.url,
            "SECRET_KEYS": f"k1:{'A' * 43}=",
            "WORKERS": "2",
        },
        cwd=tmp_path,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(60):
            assert await process.wait() == 1
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()


def _lives(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat")
    # A zombie has ended: it waits for the init process of the machine.
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"
