"""PostgreSQL: a pool that need not be reachable at start, and migrations in plain SQL."""

import asyncio
import os
import shutil
import subprocess
import sysconfig
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, TypeAlias

import asyncpg
import structlog
from asyncpg.pool import PoolConnectionProxy

from trigger_runtime.settings import Secret

log = structlog.stdlib.get_logger(__name__)

Connection: TypeAlias = "PoolConnectionProxy[asyncpg.Record]"

AWAY: Final[tuple[type[Exception], ...]] = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.QueryCanceledError,
    asyncpg.DiskFullError,
)
"""What asyncpg raises when the server is away, starting, stopping, overloaded or out of space."""


class DatabaseUnavailableError(Exception):
    """The database cannot be used now. A commit that was under way may or may not have happened."""


class Database:
    """A pool of connections. It connects when it is first used, and again whenever that is needed."""

    name = "database"

    def __init__(
        self, url: Secret, *, application: str, max_connections: int = 10, statement_seconds: float = 10.0
    ) -> None:
        self._url = url
        self._application = application
        self._max = max_connections
        self._seconds = statement_seconds
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None
        self._watching: asyncio.Task[None] | None = None
        self._trouble: str | None = "not connected yet"

    async def start(self) -> None:
        """Make the pool, without a connection, and begin to watch the server."""
        self._pool = await asyncpg.create_pool(
            self._url.reveal(),
            min_size=0,
            max_size=self._max,
            command_timeout=self._seconds,
            timeout=5,
            server_settings={"application_name": self._application},
        )
        self._watching = asyncio.create_task(self._watch(), name="database-watch")

    async def stop(self) -> None:
        """Wait for what is under way and close."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.wait([self._watching])
        if self._pool is not None:
            await self._pool.close()

    def check(self) -> str | None:
        """Return why the database cannot be used, as of the last look, or ``None``."""
        return self._trouble

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Lend a connection; ``DatabaseUnavailableError`` when the server cannot be used."""
        if self._pool is None:
            raise DatabaseUnavailableError("the pool has not been started")
        try:
            async with self._pool.acquire(timeout=5) as connection:
                yield connection
        except AWAY as error:
            raise DatabaseUnavailableError(type(error).__name__) from error

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Lend a connection inside a transaction."""
        async with self.connection() as connection, connection.transaction():
            yield connection

    async def dedicated(self) -> "asyncpg.Connection[asyncpg.Record]":
        """Open a connection outside the pool: session locks and LISTEN do not survive the pool's reset.

        Raises ``DatabaseUnavailableError``.
        """
        try:
            return await asyncpg.connect(
                self._url.reveal(),
                timeout=5,
                command_timeout=self._seconds,
                server_settings={"application_name": f"{self._application} (dedicated)"},
            )
        except AWAY as error:
            raise DatabaseUnavailableError(type(error).__name__) from error

    async def _watch(self) -> None:
        while True:
            try:
                async with self.connection() as connection:
                    await connection.execute("SELECT 1")
                self._trouble = None
            except DatabaseUnavailableError as error:
                if self._trouble is None:
                    log.warning("database away", reason=str(error))
                self._trouble = f"unreachable ({error})"
            except asyncpg.PostgresError as error:
                # A wrong password or a missing database: only an operator can mend it, so keep saying it.
                log.error("database refuses the connection", reason=type(error).__name__)
                self._trouble = f"refused ({type(error).__name__})"
            await asyncio.sleep(1.0 if self._trouble is None else 0.25)


class MigrationError(Exception):
    """The migrations did not run; the text is dbmate's."""


def migrate(url: Secret, *, directory: Path, table: str) -> str:
    """Bring a schema up to date with dbmate; return what it said.

    Several processes may do this at once: dbmate takes a lock. The URL goes through the environment,
    where a process listing does not show it. Raises ``MigrationError``.
    """
    binary = shutil.which("dbmate", path=os.pathsep.join([sysconfig.get_path("scripts"), os.defpath]))
    if binary is None:
        raise MigrationError("the dbmate program is not installed")
    done = subprocess.run(  # noqa: S603 - a fixed program with our own arguments
        [
            binary,
            "--migrations-dir",
            str(directory),
            "--migrations-table",
            table,
            "--no-dump-schema",
            "--migration-lock",
            "--env-file",
            os.devnull,
            "migrate",
        ],
        env={"PATH": os.defpath, "DATABASE_URL": url.reveal()},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    said = (done.stdout + done.stderr).strip().replace(url.reveal(), "<database>")
    if done.returncode != 0:
        raise MigrationError(said)
    return said
