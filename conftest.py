"""The real servers, for every test in the repository: each boots once, and each test gets its own corner.

``nats_url``, ``new_database`` and ``temporal_address`` come from the embedded servers, or with
``TEST_STACK=containers`` from images. ``nats_server`` and ``postgres_server`` are for tests that stop and
kill their server, and always embedded.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, Protocol, TypeVar, overload
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import pytest
import pytest_asyncio

from embedded_stack.servers.nats import NatsServer
from embedded_stack.servers.postgres import Durability, PostgresServer
from embedded_stack.servers.running import running
from embedded_stack.servers.temporal import TemporalServer, TemporalStorage
from trigger_cron import timetable_cache
from trigger_runtime import zone_data

# Tests read the zones that the programs read, Temporal's server among them.
zone_data.choose()

T = TypeVar("T")

NewDatabase = Callable[[str, Callable[[str], object]], Awaitable[str]]
"""``await new_database("some-service", migrate)`` returns the URL of a fresh, migrated database.

``migrate(url)`` runs once a session, on a template that each test's database is a copy of.
"""


class Eventually(Protocol):
    """Polls until the condition, plain or async, returns something true, and returns that.

    Fails after ``seconds``.
    """

    @overload
    async def __call__(self, condition: Callable[[], Awaitable[T]], *, seconds: float = 20.0) -> T: ...
    @overload
    async def __call__(self, condition: Callable[[], T], *, seconds: float = 20.0) -> T: ...


@pytest.fixture
def eventually() -> Eventually:
    """How tests wait for what other processes do: for the thing itself, never for a length of time."""

    async def wait(condition: Callable[[], Any], *, seconds: float = 20.0) -> Any:
        deadline = asyncio.get_running_loop().time() + seconds
        while True:
            found = condition()
            if isinstance(found, Awaitable):
                found = await found
            if found:
                return found
            assert asyncio.get_running_loop().time() < deadline, f"not true within {seconds} s: {condition}"
            await asyncio.sleep(0.02)

    return wait


@pytest.fixture
def no_timetables_cached() -> None:
    """For tests of what takes long the first time: the process may have computed it for another test."""
    timetable_cache.CACHE.clear()


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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the slow tests, so that several processes end at about the same time."""

    def kind(item: pytest.Item) -> str:
        return next((mark for mark in ("e2e", "integration") if item.get_closest_marker(mark)), "unit")

    items.sort(key=lambda item: ("e2e", "integration", "unit").index(kind(item)))


CONTAINERS = os.environ.get("TEST_STACK", "embedded") == "containers"


@pytest.fixture(scope="session")
def images() -> Any:
    """The servers as images; the test skips where they cannot be had."""
    # Here and not above: the client of the container engine is slow to import, and mostly not needed.
    import container_servers  # noqa: PLC0415

    if reason := container_servers.missing_engine():
        pytest.skip(reason)
    return container_servers


@pytest.fixture
def nats_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Where the test's NATS is."""
    if CONTAINERS:
        with request.getfixturevalue("images").nats(tmp_path) as url:
            yield url
    else:
        yield request.getfixturevalue("nats_server").url


@pytest.fixture(scope="session")
def postgres_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """Where the session's PostgreSQL is, as its administrator."""
    if CONTAINERS:
        with request.getfixturevalue("images").postgres() as url:
            yield url
    else:
        yield request.getfixturevalue("postgres_server").url


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def temporal_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[TemporalServer]:
    """One Temporal for the session: tests use ids of their own."""
    directory = tmp_path_factory.mktemp("temporal") / "server"
    async with running(TemporalServer(directory=directory, storage=TemporalStorage.MEMORY)) as server:
        yield server


@pytest.fixture(scope="session")
def temporal_address(request: pytest.FixtureRequest) -> Iterator[str]:
    """Where the session's Temporal is."""
    if CONTAINERS:
        with request.getfixturevalue("images").temporal() as address:
            yield address
    else:
        yield request.getfixturevalue("temporal_server").address


@pytest.fixture
async def new_database(postgres_url: str) -> AsyncIterator[NewDatabase]:
    """Makes databases from migrated templates, and drops them after the test."""
    made: list[str] = []
    admin = await asyncpg.connect(postgres_url)

    async def new(template: str, migrate: Callable[[str], object]) -> str:
        name = f"template_{template.replace('-', '_')}"
        if not await admin.fetchval("SELECT true FROM pg_database WHERE datname = $1", name):
            await admin.execute(f'CREATE DATABASE "{name}"')
            await asyncio.to_thread(migrate, _url_of(postgres_url, database=name))
        made.append(f"test_{uuid4().hex}")
        await admin.execute(f'CREATE DATABASE "{made[-1]}" TEMPLATE "{name}"')
        return _url_of(postgres_url, database=made[-1])

    try:
        yield new
    finally:
        for name in made:
            await admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
        await admin.close()


def _url_of(url: str, *, database: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))
