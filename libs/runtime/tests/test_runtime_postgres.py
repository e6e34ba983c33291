"""The database: away, back, refusing; and whose error is whose."""

import asyncio
import signal
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import asyncpg
import pytest

from embedded_stack.ports import free_port
from trigger_runtime.postgres import (
    Database,
    DatabaseUnavailableError,
    address_problem,
)
from trigger_runtime.postgres_schema import MigrationError, migrate
from trigger_runtime.settings import Secret

pytestmark = pytest.mark.integration


@pytest.fixture
async def database(postgres: Any) -> AsyncIterator[Database]:
    database = Database(Secret(postgres.url), application="test", max_connections=2, statement_seconds=2)
    await database.start()
    yield database
    await database.stop()


async def test_it_starts_without_a_server_and_recovers_when_there_is_one(
    postgres_server: Any, eventually: Any
) -> None:
    database = Database(Secret(postgres_server.url), application="test")
    assert database.check() == "not connected yet"
    with pytest.raises(DatabaseUnavailableError):
        async with database.connection():
            pass
    await database.start()
    with pytest.raises(DatabaseUnavailableError):
        async with database.connection():
            pass
    with pytest.raises(DatabaseUnavailableError):
        await database.dedicated()
    await eventually(lambda: database.check() == "unavailable (ConnectionRefusedError)")

    await postgres_server.start()
    await eventually(lambda: database.check() is None)
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT current_setting('application_name')") == "test"
    dedicated = await database.dedicated()
    assert await dedicated.fetchval("SELECT 1") == 1

    postgres_server.kill(signal.SIGQUIT)
    await eventually(lambda: database.check() is not None)
    with pytest.raises(DatabaseUnavailableError):
        async with database.connection() as connection:
            await connection.execute("SELECT 1")
    await dedicated.close()
    await postgres_server.start()
    await eventually(lambda: database.check() is None)
    async with database.connection() as connection, connection.transaction():
        assert await connection.fetchval("SELECT 1") == 1
    await database.stop()


async def test_a_connection_that_is_cut_under_the_work(database: Database) -> None:
    for _ in range(2):
        with pytest.raises(DatabaseUnavailableError):
            async with database.connection() as connection, connection.transaction():
                await connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        with pytest.raises(DatabaseUnavailableError):
            async with database.connection() as connection, connection.transaction():
                pid = await connection.fetchval("SELECT pg_backend_pid()")
                async with database.connection() as other:
                    await other.execute("SELECT pg_terminate_backend($1)", pid)
                await connection.execute("SELECT 1")
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT 1") == 1


async def test_a_connection_that_is_lost_after_the_work_is_no_failure(
    database: Database, eventually: Any
) -> None:
    async with database.connection() as connection:
        pid = await connection.fetchval("SELECT pg_backend_pid()")
        async with database.connection() as other:
            await other.execute("SELECT pg_terminate_backend($1)", pid)

    async def works() -> bool:
        # Its end may not have been read yet: then whoever borrows it learns, and the next one gets another.
        try:
            async with database.connection() as connection:
                return bool(await connection.fetchval("SELECT pg_backend_pid()") != pid)
        except DatabaseUnavailableError:
            return False

    await eventually(works)


async def test_nothing_of_a_transaction_outlives_its_borrower(database: Database) -> None:
    with pytest.raises(RuntimeError, match="own"):
        async with database.connection() as connection:
            await connection.execute("BEGIN")
            await connection.execute("SET LOCAL statement_timeout = 1234")
            await connection.execute("SELECT pg_advisory_xact_lock(77)")
            raise RuntimeError("own")
    async with database.connection() as connection:
        assert not connection.is_in_transaction()
        assert await connection.fetchval("SHOW statement_timeout") == "0"
        assert await connection.fetchval("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == 0


async def test_a_statement_over_its_time_is_the_databases_trouble(database: Database) -> None:
    with pytest.raises(DatabaseUnavailableError, match="TimeoutError"):
        async with database.connection() as connection:
            await connection.execute("SELECT pg_sleep(10)", timeout=0.1)
    with pytest.raises(DatabaseUnavailableError, match="QueryCanceledError"):
        async with database.connection() as connection, connection.transaction():
            await connection.execute("SET LOCAL statement_timeout = 50")
            await connection.execute("SELECT pg_sleep(10)")


async def test_all_connections_lent_is_the_databases_trouble(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def use() -> None:
        async with database.connection() as connection:
            await connection.fetchval("SELECT 1")

    # Many that wait for each other, some of whom give up.
    await asyncio.gather(*(use() for _ in range(60)))
    leaving = [asyncio.create_task(use()) for _ in range(30)]
    await asyncio.sleep(0)
    for task in leaving[::3]:
        task.cancel()
    await asyncio.gather(*leaving, return_exceptions=True)
    monkeypatch.setattr("trigger_runtime.postgres._ACQUIRE_SECONDS", 0.2)
    async with database.connection(), database.connection():
        with pytest.raises(DatabaseUnavailableError, match="TimeoutError"):
            await asyncio.wait_for(use(), 5)
    await use()


@pytest.mark.parametrize(
    "error", [TimeoutError("mine"), OSError("mine"), ConnectionResetError("mine"), KeyError("mine")]
)
async def test_what_the_borrower_raises_is_its_own(database: Database, error: Exception) -> None:
    with pytest.raises(type(error), match="mine"):
        async with database.connection() as connection, connection.transaction():
            await connection.execute("CREATE TABLE never (x int)")
            raise error
    with pytest.raises(TimeoutError):
        async with database.connection(), asyncio.timeout(0.01):
            await asyncio.Event().wait()
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT to_regclass('never')") is None


async def test_a_defect_is_not_an_outage(database: Database) -> None:
    """A consumer tries an outage again for ever; what can never work must not look like one."""
    for statement, arguments in (
        ("SELECT $1::text", ("\x00",)),
        ("SELECT $1::int", ("text",)),
        ("SELECT $1::int", (2**40,)),
        ("SELECT $1::int", ()),
        ("SELECT nonsense(1)", ()),
        ("SELECT 1 / 0", ()),
    ):
        with pytest.raises((asyncpg.InterfaceError, asyncpg.PostgresError)):
            async with database.connection() as connection:
                await connection.fetchval(statement, *arguments)
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT 1") == 1


@pytest.mark.parametrize("wrong", ["password", "database"])
async def test_a_refused_connection_is_an_outage_until_an_operator_mends_it(
    postgres: Any, wrong: str, eventually: Any
) -> None:
    url = postgres.program.url_of("no_such_database")
    if wrong == "password":
        url = postgres.url.replace(postgres.program.password, "wrong-password")
    database = Database(Secret(url), application="test")
    await database.start()
    with pytest.raises(DatabaseUnavailableError) as caught:
        async with database.connection():
            pass
    with pytest.raises(DatabaseUnavailableError):
        await database.dedicated()
    await eventually(lambda: (database.check() or "").startswith("unavailable (Invalid"))
    assert "wrong-password" not in str(caught.value)
    await database.stop()


async def test_a_url_that_is_none_does_not_end_the_watch(eventually: Any) -> None:
    database = Database(Secret("postgresql://u:hunter2@[/x"), application="test")
    try:
        await database.start()
        await eventually(lambda: database.check() != "not connected yet")
        assert "hunter2" not in str(database.check())
    finally:
        await database.stop()


async def test_stop_waits_for_what_is_under_way(database: Database) -> None:
    entered, release = asyncio.Event(), asyncio.Event()

    async def work() -> int:
        async with database.connection() as connection:
            entered.set()
            await release.wait()
            return int(await connection.fetchval("SELECT 7"))

    working = asyncio.create_task(work())
    await entered.wait()
    stopping = asyncio.create_task(database.stop())
    await asyncio.sleep(0.05)
    assert not stopping.done()
    release.set()
    assert await working == 7
    await asyncio.wait_for(stopping, 5)


@pytest.fixture
def migrations(tmp_path: Path) -> Path:
    folder = tmp_path / "migrations"
    folder.mkdir()
    (folder / "001_things.sql").write_text(
        "-- migrate:up\nCREATE SCHEMA IF NOT EXISTS demo;\nCREATE TABLE demo.things (id int PRIMARY KEY);\n"
        "SELECT pg_sleep(0.2);\n-- migrate:down\nDROP TABLE demo.things;\n"
    )
    return folder


async def test_migrations_run_once_also_when_several_begin_together(
    database: Database, postgres: Any, migrations: Path
) -> None:
    answers: list[str] = []
    failures: list[BaseException] = []

    def run() -> None:
        try:
            answers.append(
                migrate(Secret(postgres.url), directory=migrations, table="demo.schema_migrations")
            )
        except MigrationError as error:
            failures.append(error)

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        await asyncio.to_thread(thread.join, 60)
    assert not failures, failures[0]
    assert sum("001_things.sql" in answer for answer in answers) == 1
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM demo.schema_migrations") == 1
        assert await connection.fetchval("SELECT count(*) FROM demo.things") == 0
    migrate(Secret(postgres.url), directory=migrations, table="demo.schema_migrations")


async def test_a_migration_that_fails_says_why_without_the_password(
    database: Database, postgres: Any, migrations: Path
) -> None:
    (migrations / "002_bad.sql").write_text(
        "-- migrate:up\nCREATE TABLE demo.half (id int);\nSELECT nonsense;\n-- migrate:down\n"
    )
    with pytest.raises(MigrationError, match="nonsense") as caught:
        migrate(Secret(postgres.url), directory=migrations, table="demo.schema_migrations")
    assert postgres.program.password not in str(caught.value)
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT to_regclass('demo.half')") is None
        assert await connection.fetchval("SELECT count(*) FROM demo.schema_migrations") == 1


@pytest.mark.parametrize("kind", ["away", "wrong", "malformed", "scheme", "port"])
def test_a_database_that_cannot_be_had_says_why_without_the_password(migrations: Path, kind: str) -> None:
    password = 'hunter2 "%/x'
    quoted = quote(password, safe="")
    url = {
        "away": f"postgresql://u:{quoted}@127.0.0.1:{free_port()}/db",
        "wrong": f"postgresql://u:{quoted}@127.0.0.1:{free_port()}/db?sslmode=bogus",
        "malformed": "postgresql://u:hunter2 %zz@127.0.0.1/db",
        "scheme": f"nonsense://u:{quoted}@127.0.0.1/db",
        "port": f"postgresql://u:{quoted}@127.0.0.1:port/db",
    }[kind]
    with pytest.raises(MigrationError) as caught:
        migrate(Secret(url), directory=migrations, table="demo.schema_migrations")
    assert "hunter2" not in str(caught.value)
    assert str(caught.value)


def test_the_urls_that_the_embedded_server_gives_have_a_password(postgres_server: Any) -> None:
    assert urlsplit(postgres_server.url).password == postgres_server.program.password


@pytest.mark.parametrize(
    ("url", "usable"),
    [
        ("postgresql://svc:secret@host:5432/db?sslmode=require", True),
        ("postgres:///db?host=/run/postgresql", True),
        ("postgres://svc:Sup3r/Secret9x@host/db", False),
        ("postgres://svc:pass:word@host:x/db", False),
        ("mysql://svc:secret@host/db", False),
        ("", False),
    ],
)
def test_an_address_that_cannot_be_used_is_never_quoted(url: str, usable: bool) -> None:
    problem = address_problem(Secret(url))
    assert (problem is None) is usable
    assert not any(part in (problem or "") for part in ("Sup3r", "Secret9x", "secret@", "pass:word"))
