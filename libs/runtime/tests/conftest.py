"""Real servers for the tests, each a process that a test may stop, kill and start again."""

import asyncio
import gc
import os
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import aiohttp
import asyncpg
import pytest

from embedded_stack.launch import shimmed
from embedded_stack.servers import Durability, NatsServer, PostgresServer, TemporalServer, TemporalStorage
from trigger_runtime.bus.connection import Bus
from trigger_runtime.metrics import Metrics


class ServerProcess:
    """One server program. ``start`` returns when it is ready."""

    def __init__(self, program: NatsServer | PostgresServer | TemporalServer) -> None:
        self.program = program
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return self.program.url

    async def start(self) -> None:
        await self.program.prepare()
        process = self._launch()
        ready = asyncio.create_task(self.program.wait_ready())
        deadline = time.monotonic() + 30
        while not ready.done():
            await asyncio.wait([ready], timeout=0.05)
            if process.poll() is not None or time.monotonic() > deadline:
                ready.cancel()
                raise RuntimeError(f"{self.program.name} did not start:\n{self._log.read_text()[-2000:]}")
        await ready

    @property
    def _log(self) -> Path:
        return Path(f"{self.program.directory}.log")

    def _launch(self) -> "subprocess.Popen[bytes]":
        command = shimmed(
            self.program.command(), identity=self.program.identity, death_signal=self.program.death_signal
        )
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self.program.directory,
                env=dict(self.program.environment),
            )
        return self._process

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """End the process and wait for its end."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(timeout=20)
            self._process = None

    def freeze(self) -> None:
        """Let it hold its connections and answer nothing."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGSTOP)
        # Its threads on other processors stop a moment later.
        while (stat := Path(f"/proc/{self._process.pid}/stat")).exists() and " T " not in stat.read_text():
            time.sleep(0.001)

    def thaw(self) -> None:
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGCONT)


@pytest.fixture
def nats_server(tmp_path: Path) -> Iterator[ServerProcess]:
    """A NATS server of this test's own, not started yet."""
    server = ServerProcess(NatsServer(directory=tmp_path / "nats"))
    yield server
    server.kill()


@pytest.fixture
async def nats(nats_server: ServerProcess) -> ServerProcess:
    """A NATS server of this test's own, started."""
    await nats_server.start()
    return nats_server


@pytest.fixture
def postgres_server(tmp_path: Path) -> Iterator[ServerProcess]:
    """A PostgreSQL server of this test's own, not started yet."""
    server = ServerProcess(PostgresServer(directory=tmp_path / "postgres", durability=Durability.OFF))
    yield server
    server.kill(signal.SIGINT)


@pytest.fixture(scope="session")
def shared_postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """One PostgreSQL server for all tests that do not harm it."""
    folder = tmp_path_factory.mktemp("postgres")
    server = ServerProcess(PostgresServer(directory=folder / "postgres", durability=Durability.OFF))
    asyncio.run(server.start())
    yield server
    server.kill(signal.SIGINT)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnDatabase:
    """A database of this test's own on the shared server."""

    program: PostgresServer
    url: str


@pytest.fixture
async def postgres(shared_postgres: ServerProcess) -> AsyncIterator[OwnDatabase]:
    """An empty database of this test's own."""
    program = shared_postgres.program
    assert isinstance(program, PostgresServer)
    name = f"test_{uuid4().hex}"
    admin = await asyncpg.connect(program.url)
    await admin.execute(f"CREATE DATABASE {name}")
    yield OwnDatabase(program=program, url=program.url_of(name))
    await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await admin.close()


@pytest.fixture
def temporal_server(tmp_path: Path) -> Iterator[ServerProcess]:
    """A Temporal server of this test's own, not started yet."""
    server = ServerProcess(TemporalServer(directory=tmp_path / "temporal", storage=TemporalStorage.MEMORY))
    yield server
    server.kill()


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A stream as the bus creates it."""

    name: str
    subjects: tuple[str, ...]
    when_full: str = "new"
    max_age_seconds: int = 0
    max_bytes: int = -1
    max_per_subject: int = -1
    duplicate_window_seconds: int = 120


THINGS = Shape(name="THINGS", subjects=("things.>",))
DEAD = Shape(name="DEAD", subjects=("dead.>",))


@pytest.fixture
def new_shape() -> type[Shape]:
    return Shape


@pytest.fixture
async def bus(nats: ServerProcess) -> AsyncIterator[Bus]:
    """A started bus with the streams ``THINGS`` (``things.>``) and ``DEAD`` (``dead.>``)."""
    bus = Bus(url=nats.url, client_name="test", streams=[THINGS, DEAD])
    await bus.start()
    async with asyncio.timeout(10):
        await bus.ready()
    yield bus
    await bus.stop()


@pytest.fixture
def waiting_futures() -> Callable[[], int]:
    """Count the futures in memory that wait for a result: a request that is given up on leaves none."""

    def count() -> int:
        return sum(
            isinstance(one, asyncio.Future) and not isinstance(one, asyncio.Task) and not one.done()
            for one in gc.get_objects()
        )

    return count


@pytest.fixture
def subscriptions(nats: ServerProcess) -> Callable[[], Awaitable[list[str]]]:
    """Ask the server for the subjects that its clients subscribe to."""
    program = nats.program
    assert isinstance(program, NatsServer)
    url = f"http://127.0.0.1:{program.monitoring_port}/connz?subs=1"

    async def subjects() -> list[str]:
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            connections = (await response.json())["connections"]
        return [subject for one in connections for subject in one.get("subscriptions_list", [])]

    return subjects


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()
