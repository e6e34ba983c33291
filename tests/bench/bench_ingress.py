"""webhook-ingress against a bare handler, in one run on one machine: ratios, as JSON lines.

``make bench-ingress``. One ingress process, 64 connections, 1 KB signed bodies, a real NATS with
``sync_interval: always``. The contestants take turns, so that what the machine does meanwhile hits all of
them; each figure is the median of the rounds. ``SOAK=1`` adds a run of 1,000,000 requests and the memory
before and after it. ``BASELINE=<another checkout>`` lets its release (its own ``.venv``) take part.

Where other programs use the machine, compare ``cpu_us``, the processor time of a request, and not the rate.
"""

import asyncio
import base64
import hashlib
import hmac
import os
import re
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from uuid import UUID, uuid4

import aiohttp
import nats
from load import Measured, middle, say, wrk

from embedded_stack.ports import free_port
from embedded_stack.servers.nats import NatsServer
from embedded_stack.servers.running import running
from trigger_contracts import streams
from trigger_contracts.codec import encode
from trigger_contracts.config import (
    AuthType,
    Change,
    SealedSecret,
    TriggerChanged,
    TriggerState,
    WebhookConfig,
)
from trigger_runtime.sealing import KeyRing

ROUNDS: Final = int(os.environ.get("ROUNDS", "5"))
SECONDS: Final = int(os.environ.get("SECONDS_EACH", "5"))
SOAK: Final = int(os.environ.get("SOAK", "0"))
CONNECTIONS: Final = 64
TRIGGERS: Final = 100_000
BASELINE: Final = os.environ.get("BASELINE")

_HERE: Final = Path(__file__).parent
_KEYS: Final = "bench:" + base64.b64encode(bytes(32)).decode()
_SECRET: Final = b"a-secret-of-a-benchmark-that-is-long-enough"
_BODY: Final = ('{"event":"push","padding":"' + "x" * 995 + '"}').encode()
_MIB: Final = 1024 * 1024
_SERVE: Final = ("-m", "webhook_ingress", "serve")
_TARGETS: Final = {"bare": 1.0, "bare-json": 0.55, "ungrouped": 3, "baseline": 1}
"""What the service has to reach: its rate, divided by the other's."""


@dataclass(frozen=True, kw_only=True)
class Server:
    """A process under load."""

    url: str
    pid: int

    @property
    def cpu_seconds(self) -> float:
        """Processor time so far."""
        times = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(times[11]) + int(times[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def memory_mib(self) -> float:
        """Resident memory in MiB."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        return int(found.group(1)) / 1024 if found else 0.0


@asynccontextmanager
async def serving(*command: str, log: Path, **environment: str) -> AsyncIterator[Server]:
    """Start a process on a port of its own, yield it when it is ready, end it."""
    port = free_port()
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *command,
            env={**os.environ, **environment, "HTTP_PORT": str(port)},
            stdout=output,
            stderr=output,
        )
        try:
            await until_ready(f"http://127.0.0.1:{port}/readyz")
            yield Server(url=f"http://127.0.0.1:{port}", pid=process.pid)
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()


async def until_ready(url: str) -> None:
    async with aiohttp.ClientSession() as session:
        for _ in range(3000):
            try:
                async with session.get(url) as answer:
                    if answer.status in {200, 202}:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.02)
    raise SystemExit(f"nothing is ready at {url}")


def trigger_message(trigger_id: UUID) -> bytes:
    """Return the state of a trigger that takes signed requests."""
    box = KeyRing.parse(_KEYS).seal(_SECRET, belongs_to=trigger_id.bytes, nonce=os.urandom(12))
    at = datetime.now(UTC)
    return encode(
        TriggerChanged(
            change=Change(event="TriggerCreated", version=1, at=at, actor="bench", request_id="r"),
            trigger=TriggerState(
                id=trigger_id,
                workspace="bench",
                workflow_id=uuid4(),
                name="A webhook",
                enabled=True,
                config=WebhookConfig(auth_type=AuthType.HMAC),
                secrets=(
                    SealedSecret(id=uuid4(), key_id=box.key_id, nonce=box.nonce, ciphertext=box.ciphertext),
                ),
                version=1,
                created_at=at,
                updated_at=at,
            ),
        )
    )


async def put_triggers(url: str, *, count: int) -> UUID:
    """Publish triggers on CONFIG and return the id of the last one."""
    client = await nats.connect(url)
    try:
        js = client.jetstream()
        last = uuid4()
        for _ in range(count):
            last = uuid4()
            await js.publish_async(streams.config_trigger(last), trigger_message(last), wait_stall=60)
        await js.publish_async_completed()
        return last
    finally:
        await client.close()


def load(server: Server, *, trigger_id: UUID, seconds: int = SECONDS) -> Measured:
    """Send signed requests for some seconds."""
    signature = hmac.new(_SECRET, _BODY, hashlib.sha256).hexdigest()
    script = f'wrk.method = "POST"\nwrk.body = [==[{_BODY.decode()}]==]\n'
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "bench/1",
        "X-Signature": f"sha256={signature}",
    }
    url = f"{server.url}/api/webhooks/{trigger_id}"
    return wrk(url, seconds=seconds, connections=CONNECTIONS, headers=headers, script=script)


async def stored(url: str) -> int:
    client = await nats.connect(url)
    try:
        return int((await client.jetstream().stream_info(streams.DELIVERIES.name)).state.last_seq)
    finally:
        await client.close()


async def make_room(url: str) -> None:
    """Forget what was delivered: a full stream would refuse."""
    client = await nats.connect(url)
    try:
        await client.jetstream().purge_stream(streams.DELIVERIES.name)
    finally:
        await client.close()


async def compare(folder: Path) -> None:
    """The contestants side by side, one bus for all."""
    async with AsyncExitStack() as stack:
        bus = await stack.enter_async_context(running(NatsServer(directory=folder / "nats")))
        environment = {"NATS_URL": bus.url, "SECRET_KEYS": _KEYS}
        commands = {
            "bare": [sys.executable, str(_HERE / "bare_ingress.py")],
            "bare-json": [sys.executable, str(_HERE / "bare_ingress.py"), "json"],
            "service": [sys.executable, *_SERVE],
            "ungrouped": [sys.executable, str(_HERE / "ungrouped_ingress.py")],
        }
        if BASELINE:
            commands["baseline"] = [str(Path(BASELINE, ".venv", "bin", "python")), *_SERVE]
        servers = {
            name: await stack.enter_async_context(
                serving(*command, log=folder / f"{name}.log", **environment)
            )
            for name, command in commands.items()
        }
        trigger_id = await put_triggers(bus.url, count=1)
        for server in servers.values():
            await asyncio.to_thread(load, server, trigger_id=trigger_id, seconds=2)
        rounds: dict[str, list[Measured]] = {name: [] for name in servers}
        cpu: dict[str, list[float]] = {name: [] for name in servers}
        for number in range(ROUNDS):
            for name, server in servers.items():
                before = server.cpu_seconds
                measured = await asyncio.to_thread(load, server, trigger_id=trigger_id)
                cpu_us = (server.cpu_seconds - before) * 1e6 / (measured.per_second * SECONDS)
                rounds[name].append(measured)
                cpu[name].append(cpu_us)
                say("round", number=number, server=name, **vars(measured), cpu_us=cpu_us)
            await make_room(bus.url)
        medians = {name: middle(runs) for name, runs in rounds.items()}
        for name, measured in medians.items():
            say("median", server=name, rounds=ROUNDS, **vars(measured), cpu_us=statistics.median(cpu[name]))
        service = medians["service"]
        for name, target in _TARGETS.items():
            if name in medians:
                value = service.per_second / medians[name].per_second
                say("ratio", of=f"accepted/s, service to {name}", value=value, target=target)
                value = statistics.median(cpu["service"]) / statistics.median(cpu[name])
                say("ratio", of=f"processor time of a request, service to {name}", value=value)
        say("ratio", of="p99, service to bare", value=service.p99_ms / medians["bare"].p99_ms, target=4)
        if SOAK:
            await soak(servers["service"], trigger_id=trigger_id, url=bus.url)


async def soak(server: Server, *, trigger_id: UUID, url: str) -> None:
    """A million requests, and what they leave in memory."""
    sent, before = 0.0, server.memory_mib
    say("soak", requests=0, memory_mib=before)
    while sent < 1_000_000:
        found = await asyncio.to_thread(load, server, trigger_id=trigger_id, seconds=20)
        sent += found.per_second * 20
        say("soak", requests=int(sent), memory_mib=server.memory_mib, errors=found.errors)
        await make_room(url)


async def directory(folder: Path) -> None:
    """What 100,000 triggers cost: in time until ready, in memory, and in speed, which takes turns too."""
    memory: dict[int, float] = {}
    runs: dict[int, list[Measured]] = {1: [], TRIGGERS: []}
    async with AsyncExitStack() as stack:
        contestants = {}
        for number in runs:
            place = folder / str(number)
            place.mkdir()
            bus = await stack.enter_async_context(running(NatsServer(directory=place / "nats")))
            environment = {"NATS_URL": bus.url, "SECRET_KEYS": _KEYS}
            command = (sys.executable, *_SERVE)
            async with serving(*command, log=place / "first.log", **environment):
                pass  # makes the streams
            trigger_id = await put_triggers(bus.url, count=number)
            begun = time.monotonic()
            server = await stack.enter_async_context(
                serving(*command, log=place / "second.log", **environment)
            )
            seconds = time.monotonic() - begun
            memory[number] = server.memory_mib
            say("directory", triggers=number, seconds_to_ready=seconds, memory_mib=memory[number])
            contestants[number] = server, trigger_id, bus
        for _ in range(ROUNDS):
            for number, (server, trigger_id, bus) in contestants.items():
                runs[number].append(await asyncio.to_thread(load, server, trigger_id=trigger_id))
                await make_room(bus.url)
    medians = {number: middle(found) for number, found in runs.items()}
    for number, found in medians.items():
        say("median", triggers=number, rounds=ROUNDS, **vars(found))
    speed = medians[TRIGGERS].per_second / medians[1].per_second
    say("ratio", of=f"accepted/s, {TRIGGERS} triggers to 1", value=speed, target=0.95)
    say("ratio", of="MiB of the triggers", value=memory[TRIGGERS] - memory[1], target=150)


async def main() -> None:
    """Run all of it, or the parts that are named on the command line."""
    parts = {"compare": compare, "directory": directory}
    for name in sys.argv[1:] or list(parts):
        with tempfile.TemporaryDirectory() as folder:
            await parts[name](Path(folder))


if __name__ == "__main__":
    asyncio.run(main())
