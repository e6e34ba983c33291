"""The real servers, for every test in the repository: each boots once, and each test gets its own corner."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol, TypeVar
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import pytest
import pytest_asyncio

from embedded_stack.servers.nats import NatsServer
from embedded_stack.servers.postgres import Durability, PostgresServer
from embedded_stack.servers.running import running
from embedded_stack.servers.temporal import TemporalServer, TemporalStorage

T = TypeVar("T")

NewDatabase = Callable[[str, Callable[[str], object]], Awaitable[str]]
"""``await new_database("some-service", migrate)`` returns the URL of a fresh, migrated database.

``migrate(url)`` runs once a session, on a template that each test's database is a copy of.
"""


class Eventually(Protocol):
    """Polls until the condition returns something true, and returns that; fails after ``seconds``."""

    async def __call__(self, condition: Callable[[], Awaitable[T]], *, seconds: float = 20.0) -> T: ...


@pytest.fixture
def eventually() -> Eventually:
    """How tests wait for what other processes do: for the thing itself, never for a length of time."""

    async def wait(condition: Callable[[], Awaitable[Any]], *, seconds: float = 20.0) -> Any:
        deadline = asyncio.get_running_loop().time() + seconds
        while not (found := await condition()):
            assert asyncio.get_running_loop().time() < deadline, f"never true: {condition}"
            await asyncio.sleep(0.02)
        return found

    return wait


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[PostgresServer]:
    """One PostgreSQL for the session, without fsync: nobody misses a test's data."""
    directory = tmp_path_factory.mktemp("postgresql") / "server"
    async with running(PostgresServer(directory=directory, durability=Durability.OFF)) as server:
        yield server


@pytest_asyncio.fixture
async def nats_server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    """A NATS of the test's own: stream names are fixed, so tests must not share one."""
    async with running(NatsServer(directory=tmp_path / "nats")) as server:
        yield server


@pytest.fixture
def nats_url(nats_server: NatsServer) -> str:
    """Where the test's NATS is."""
    return nats_server.url


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def temporal_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[TemporalServer]:
    """One Temporal for the session: tests use ids of their own."""
    directory = tmp_path_factory.mktemp("temporal") / "server"
    async with running(TemporalServer(directory=directory, storage=TemporalStorage.MEMORY)) as server:
        yield server


@pytest.fixture
def temporal_address(temporal_server: TemporalServer) -> str:
    """Where the session's Temporal is."""
    return temporal_server.address


@pytest.fixture
async def new_database(postgres_server: PostgresServer) -> AsyncIterator[NewDatabase]:
    """Makes databases from migrated templates, and drops them after the test."""
    made: list[str] = []
    admin = await asyncpg.connect(postgres_server.url)

    async def new(template: str, migrate: Callable[[str], object]) -> str:
        name = f"template_{template.replace('-', '_')}"
        if not await admin.fetchval("SELECT true FROM pg_database WHERE datname = $1", name):
            await admin.execute(f'CREATE DATABASE "{name}"')
            await asyncio.to_thread(migrate, _url_of(postgres_server.url, database=name))
        made.append(f"test_{uuid4().hex}")
        await admin.execute(f'CREATE DATABASE "{made[-1]}" TEMPLATE "{name}"')
        return _url_of(postgres_server.url, database=made[-1])

    try:
        yield new
    finally:
        for name in made:
            await admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
        await admin.close()


def _url_of(url: str, *, database: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))
