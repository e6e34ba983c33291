"""Which refusals of PostgreSQL mean "later", and whether the schema is there."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from trigger_runtime.postgres import Database, DatabaseUnavailableError
from trigger_runtime.postgres_schema import SchemaWatch, migrate, versions_in
from trigger_runtime.settings import Secret

pytestmark = pytest.mark.integration

TABLE = "demo.schema_migrations"


class RefusedError(Exception):
    pass


@pytest.fixture
async def database(postgres: Any) -> AsyncIterator[Database]:
    database = Database(Secret(postgres.url), application="test", max_connections=4, statement_seconds=5)
    await database.start()
    async with database.connection() as connection:
        await connection.execute("CREATE TABLE things (id int PRIMARY KEY, n int CHECK (n > 0))")
        await connection.execute("INSERT INTO things VALUES (1, 1), (2, 1)")
    yield database
    await database.stop()


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM nowhere",
        "SELECT * FROM no_schema.things",
        "CREATE TABLE no_schema.things (id int)",
        "SELECT nothing FROM things",
        "SET ROLE pg_monitor; SELECT * FROM things",
    ],
)
async def test_a_schema_that_is_not_there_yet_means_later(database: Database, statement: str) -> None:
    with pytest.raises(DatabaseUnavailableError) as caught:
        async with database.connection() as connection:
            await connection.execute(statement)
    assert isinstance(caught.value.__cause__, asyncpg.PostgresError)


async def test_a_deadlock_means_later_for_one_and_nothing_for_the_other(database: Database) -> None:
    held = asyncio.Barrier(2)

    async def update(first: int, second: int) -> None:
        async with database.connection() as connection, connection.transaction():
            await connection.execute("UPDATE things SET n = 2 WHERE id = $1", first)
            await held.wait()
            await connection.execute("UPDATE things SET n = 3 WHERE id = $1", second)

    ends = await asyncio.gather(update(1, 2), update(2, 1), return_exceptions=True)
    assert sorted(type(end).__name__ for end in ends) == ["DatabaseUnavailableError", "NoneType"]


async def test_a_serialization_failure_means_later(database: Database) -> None:
    with pytest.raises(DatabaseUnavailableError, match="SerializationError"):
        async with database.connection() as one, one.transaction(isolation="serializable"):
            await one.fetchval("SELECT sum(n) FROM things")
            async with database.connection() as other, other.transaction(isolation="serializable"):
                await other.fetchval("SELECT sum(n) FROM things")
                await other.execute("UPDATE things SET n = n + 1 WHERE id = 2")
            await one.execute("UPDATE things SET n = n + 1 WHERE id = 1")


async def test_a_lock_that_somebody_holds_means_later(database: Database) -> None:
    async with database.connection() as holder, holder.transaction():
        await holder.execute("LOCK TABLE things")
        with pytest.raises(DatabaseUnavailableError, match="LockNotAvailable"):
            async with database.connection() as connection, connection.transaction():
                await connection.execute("LOCK TABLE things NOWAIT")


@pytest.mark.parametrize(
    ("statement", "arguments"),
    [
        ("INSERT INTO things VALUES (1, 1)", ()),
        ("INSERT INTO things VALUES (3, 0)", ()),
        ("SELECT 1 / 0", ()),
        ("SELECT $1::text", ("\x00",)),
        ("SELECT $1::int", (2**40,)),
        ("SELECT ('1' || repeat('0', 200000))::numeric", ()),
    ],
)
async def test_refused_values_are_told_apart(
    database: Database, statement: str, arguments: tuple[Any, ...]
) -> None:
    with pytest.raises(RefusedError):
        async with database.connection(refused=RefusedError) as connection:
            await connection.fetchval(statement, *arguments)
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError)):
        async with database.connection() as connection:
            await connection.fetchval(statement, *arguments)


async def test_defects_and_the_borrowers_own_errors_pass(database: Database) -> None:
    with pytest.raises(asyncpg.PostgresSyntaxError):
        async with database.connection(refused=RefusedError) as connection:
            await connection.execute("SELECT FROM WHERE")
    # Comparing types that do not compare is a defect of the statement and no missing schema.
    with pytest.raises(asyncpg.UndefinedFunctionError):
        async with database.connection(refused=RefusedError) as connection:
            await connection.execute("SELECT * FROM things WHERE id = 'x'::text")
    with pytest.raises(KeyError):
        async with database.connection(refused=RefusedError):
            raise KeyError("mine")


@pytest.fixture
def migrations(tmp_path: Path) -> Path:
    folder = tmp_path / "migrations"
    folder.mkdir()
    for version in ("001", "002"):
        (folder / f"{version}_demo.sql").write_text(
            "-- migrate:up\nCREATE SCHEMA IF NOT EXISTS demo;\n-- migrate:down\n"
        )
    return folder


async def test_the_schema_is_watched_until_every_migration_is_applied(
    database: Database, postgres: Any, migrations: Path, eventually: Any
) -> None:
    watch = SchemaWatch(database, directory=migrations, table=TABLE)
    assert watch.check() == "not checked yet"
    await watch.start()
    await eventually(lambda: watch.check() == "no migration is applied: run the verb migrate")
    newer = migrations / "002_demo.sql"
    text = newer.read_text()
    newer.unlink()
    await asyncio.to_thread(migrate, Secret(postgres.url), directory=migrations, table=TABLE)
    await eventually(lambda: watch.check() == "not applied: 002: run the verb migrate")
    newer.write_text(text)
    (migrations / "003_newer.sql").write_text(text)
    await asyncio.to_thread(migrate, Secret(postgres.url), directory=migrations, table=TABLE)
    await eventually(lambda: watch.check() is None)
    await watch.stop()


async def test_a_schema_that_may_not_be_looked_at_is_named(
    database: Database, migrations: Path, eventually: Any
) -> None:
    watch = SchemaWatch(database, directory=migrations, table="things")
    await watch.start()
    await eventually(lambda: (watch.check() or "").startswith("cannot look: "))
    await watch.stop()


def test_versions_are_the_digits_before_the_name(migrations: Path) -> None:
    (migrations / "SUMS").write_text("no migration")
    assert versions_in(migrations) == {"001", "002"}
