"""PostgreSQL: a pool that need not be reachable at start, and migrations in plain SQL."""

import asyncio
import os
import shutil
import subprocess
import sysconfig
import traceback
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Final, TypeAlias
from urllib.parse import urlsplit

import asyncpg
import structlog
from asyncpg.pool import PoolConnectionProxy

from trigger_runtime.cancelling import cancel
from trigger_runtime.settings import Secret

log = structlog.stdlib.get_logger(__name__)

Connection: TypeAlias = "PoolConnectionProxy[asyncpg.Record]"

AWAY: Final[tuple[type[Exception], ...]] = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    # An idle connection that the server has just ended: its farewell has arrived, the end has not.
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.ReadOnlySQLTransactionError,
)
"""What asyncpg raises when the server is away, starting, stopping, overloaded, out of space or a standby.

``OSError``, ``TimeoutError`` and ``InterfaceError`` are raised for other reasons too:
``Database.connection`` tells them apart.
"""


_ACQUIRE_SECONDS = 5.0

LIMITS: Final = {
    # A process that is frozen in a transaction holds its locks; after this the server ends it.
    "idle_in_transaction_session_timeout": "3s",
    "lock_timeout": "5s",
}
"""Settings of every session."""
_REFUSED: Final[tuple[type[Exception], ...]] = (*AWAY, asyncpg.PostgresError)


def address_problem(url: Secret) -> str | None:
    """Return what is wrong with a ``DATABASE_URL``, ``None`` where it can be used; never a part of it.

    Asked when settings are read: what the driver and dbmate say of such an address quotes the password.
    """
    try:
        parts = urlsplit(url.reveal())
        usable = parts.scheme in {"postgres", "postgresql"} and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    return None if usable else "expected postgresql://user:password@host/database (%-escape what is special)"


class DatabaseUnavailableError(Exception):
    """The database cannot be used now. A commit that was under way may or may not have happened."""


class Loan:
    """A connection, lent for the length of an ``async with`` block."""

    __slots__ = ("_connection", "_database")

    def __init__(self, database: "Database") -> None:
        self._database = database

    async def __aenter__(self) -> Connection:
        self._connection = await self._database.acquire()
        return self._connection

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if isinstance(error, AWAY) and _is_servers(error, connection=self._connection):
                raise DatabaseUnavailableError(type(error).__name__) from error
        finally:
            await self._database.give_back(self._connection)


async def _leave_as_it_is(_connection: object) -> None:
    """Reset nothing."""


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
        self._lent = 0

    async def start(self) -> None:
        """Make the pool, without a connection, and begin to watch the server."""
        self._pool = await asyncpg.create_pool(
            self._url.reveal(),
            min_size=0,
            max_size=self._max,
            command_timeout=self._seconds,
            timeout=5,
            # asyncpg ends an open transaction by itself. Its query that resets the session would be a second
            # exchange for each use, and nobody changes the session of a borrowed connection: LISTEN, SET
            # and session locks are for ``dedicated``.
            reset=_leave_as_it_is,
            server_settings={"application_name": self._application, **LIMITS},
        )
        self._watching = asyncio.create_task(self._watch(), name="database-watch")

    async def stop(self) -> None:
        """Wait for what is under way and close."""
        if self._watching is not None:
            await cancel([self._watching])
        if self._pool is not None:
            await self._pool.close()

    def tasks(self) -> Sequence[asyncio.Task[None]]:
        """Return what runs until the database is stopped."""
        return [self._watching] if self._watching is not None else []

    def check(self) -> str | None:
        """Return why the database cannot be used, as of the last look, or ``None``."""
        return self._trouble

    def connection(self) -> "Loan":
        """Lend a connection; ``DatabaseUnavailableError`` when the server cannot be used.

        What the borrower raises of its own passes through, also an ``OSError`` or ``TimeoutError`` of
        something else, and so does asyncpg's refusal of a wrong argument.
        """
        return Loan(self)

    async def acquire(self) -> Connection:
        """Take a connection out of the pool, for ``Loan``. Raises ``DatabaseUnavailableError``."""
        if self._pool is None:
            raise DatabaseUnavailableError("the pool has not been started")
        # A deadline costs about as much as the rest of acquiring. While fewer are lent than there may be,
        # there is nobody to wait for, and connecting has a deadline of its own. Counted here: to tell how
        # many are idle, the pool looks at each.
        seconds = None if self._lent < self._max else _ACQUIRE_SECONDS
        self._lent += 1
        try:
            return await self._pool.acquire(timeout=seconds)
        except BaseException as error:
            self._lent -= 1
            if isinstance(error, _REFUSED):
                # Also a refused password or a database that is not there: an operator mends it, and until
                # then it is nobody's defect.
                raise DatabaseUnavailableError(type(error).__name__) from error
            raise

    async def give_back(self, connection: Connection) -> None:
        """Put a connection back, for ``Loan``."""
        if self._pool is None:
            return
        try:
            await self._pool.release(connection)
        except asyncio.CancelledError:
            # Its release goes on, and nobody knows for how long: it counts as lent from now on, which costs
            # deadlines that would not be needed, and never lacks one that is.
            raise
        except Exception as error:
            self._lent -= 1
            if not isinstance(error, _REFUSED):
                raise
            # The work is done or has its own error; asyncpg has closed the connection.
            log.warning("connection lost on its return", reason=type(error).__name__)
        else:
            self._lent -= 1

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
                server_settings={"application_name": f"{self._application} (dedicated)", **LIMITS},
            )
        except _REFUSED as error:
            raise DatabaseUnavailableError(type(error).__name__) from error

    def _say(self, trouble: str) -> None:
        if trouble != self._trouble:
            log.warning("database away", reason=trouble)
        self._trouble = trouble

    async def _watch(self) -> None:
        while True:
            try:
                async with self.connection() as connection:
                    await connection.execute("SELECT 1")
                self._trouble = None
            except DatabaseUnavailableError as error:
                self._say(f"unavailable ({error})")
            except Exception as error:
                # Nobody waits for this task: if it ended, the last look would stay the truth for ever.
                log.exception("database check failed")
                self._say(f"not usable ({type(error).__name__})")
            await asyncio.sleep(1.0 if self._trouble is None else 0.25)


def _is_servers(error: Exception, *, connection: Connection) -> bool:
    """Tell an error of the server or the connection from one that its borrower raised."""
    if isinstance(error, asyncpg.PostgresError | asyncpg.InternalClientError) or _is_lost(connection):
        return True
    # asyncpg's own deadline for a statement; a borrower's deadline for something else looks the same
    # but for where it was raised.
    return isinstance(error, TimeoutError) and any(
        frame.f_globals.get("__name__", "").startswith("asyncpg.")
        for frame, _ in traceback.walk_tb(error.__traceback__)
    )


def _is_lost(connection: Connection) -> bool:
    try:
        return connection.is_closed()
    except asyncpg.InterfaceError:
        return True  # the pool has taken it back, which it does by itself when the connection ends


class MigrationError(RuntimeError):
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
