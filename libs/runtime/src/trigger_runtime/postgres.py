"""PostgreSQL: a pool that need not be reachable at start, and whose errors say whether to try again."""

import asyncio
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, TypeAlias
from urllib.parse import urlsplit

import asyncpg
import msgspec
import structlog
from asyncpg.pool import PoolConnectionProxy

from trigger_runtime.lifecycle import HealthWatch
from trigger_runtime.settings import Secret

log = structlog.stdlib.get_logger(__name__)

Connection: TypeAlias = "PoolConnectionProxy[asyncpg.Record]"

AWAY: Final[tuple[type[Exception], ...]] = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    # An idle connection that the server has just ended: its last message has arrived, the end has not.
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


LATER: Final[tuple[type[asyncpg.PostgresError], ...]] = (
    # A deployment under way: the schema is not there yet, or not ours to use yet.
    asyncpg.UndefinedTableError,
    asyncpg.UndefinedColumnError,
    asyncpg.InvalidSchemaNameError,
    asyncpg.InsufficientPrivilegeError,
    # A deadlock or a serialisation failure: the other side went on.
    asyncpg.TransactionRollbackError,
    # Another session held a lock for longer than this one may wait.
    asyncpg.LockNotAvailableError,
)
"""Nothing is wrong with the statement; trying again later can help."""

VALUES_REFUSED: Final[tuple[type[asyncpg.PostgresError], ...]] = (
    asyncpg.DataError,
    asyncpg.ProgramLimitExceededError,
    asyncpg.IntegrityConstraintViolationError,
)
"""The values themselves are wrong."""

_ACQUIRE_SECONDS = 5.0

LIMITS: Final = {
    # A process that is frozen in a transaction holds its locks; after this the server ends it.
    "idle_in_transaction_session_timeout": "3s",
    "lock_timeout": "5s",
}
"""Settings of every session."""
_NO_CONNECTION: Final[tuple[type[Exception], ...]] = (*AWAY, asyncpg.PostgresError)


def address_problem(url: Secret) -> str | None:
    """Return what is wrong with a ``DATABASE_URL``, or ``None``; the text never quotes a part of it.

    For reading settings: the errors of the driver and of dbmate quote the password.
    """
    try:
        parts = urlsplit(url.reveal())
        usable = parts.scheme in {"postgres", "postgresql"} and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    return None if usable else "expected postgresql://user:password@host/database (%-escape what is special)"


class DatabaseSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where the database is: all that migrating needs."""

    database_url: Secret

    def __post_init__(self) -> None:
        if problem := address_problem(self.database_url):
            raise ValueError(f"DATABASE_URL: {problem}")


class DatabaseUnavailableError(Exception):
    """The database cannot be used now. A commit that was under way may or may not have happened."""


async def _leave_as_it_is(_connection: object) -> None:
    """Reset nothing."""


class Database(HealthWatch):
    """A pool of connections. It connects when it is first used, and again whenever that is needed."""

    def __init__(
        self, url: Secret, *, application: str, max_connections: int = 10, statement_seconds: float = 10.0
    ) -> None:
        super().__init__("database", self._select_one, seconds=1.0)
        self._url = url
        self._application = application
        self._max = max_connections
        self._statement_seconds = statement_seconds
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None
        self._in_use = 0

    async def start(self) -> None:
        """Make the pool, without a connection, and begin to watch the server."""
        self._pool = await asyncpg.create_pool(
            self._url.reveal(),
            min_size=0,
            max_size=self._max,
            command_timeout=self._statement_seconds,
            timeout=5,
            # asyncpg ends an open transaction by itself. Its query that resets the session would be a second
            # exchange for each use. Borrowed connections keep their session settings: LISTEN, SET and
            # session locks are for ``dedicated``.
            reset=_leave_as_it_is,
            server_settings={"application_name": self._application, **LIMITS},
        )
        await super().start()

    async def stop(self) -> None:
        """Wait for what is under way and close."""
        await super().stop()
        if self._pool is not None:
            await self._pool.close()

    @asynccontextmanager
    async def connection(self, *, refused: type[Exception] | None = None) -> AsyncIterator[Connection]:
        """Borrow a connection. Begin a transaction inside, so that its commit is covered.

        Raises ``DatabaseUnavailableError`` where the server cannot be used or a later try can help
        (``LATER``), and ``refused`` where the server refuses the values. All else passes, also an
        ``OSError`` or ``TimeoutError`` that the caller raises itself. The database's words stay in the
        cause: they quote values.
        """
        connection = await self._acquire()
        try:
            yield connection
        except Exception as error:
            translated = _translated(error, connection=connection, refused=refused)
            if translated is None:
                raise
            raise translated from error
        finally:
            await self._release(connection)

    async def _acquire(self) -> Connection:
        if self._pool is None:
            raise DatabaseUnavailableError("the pool has not been started")
        # A deadline costs about as much as the rest of acquiring. While fewer are in use than there may be,
        # there is no queue, and connecting has a deadline of its own. Counted here: to tell how many are
        # idle, the pool looks at each.
        seconds = None if self._in_use < self._max else _ACQUIRE_SECONDS
        self._in_use += 1
        try:
            return await self._pool.acquire(timeout=seconds)
        except BaseException as error:
            self._in_use -= 1
            if isinstance(error, _NO_CONNECTION):
                # Also a refused password or a missing database: an operator mends it, no release does.
                raise DatabaseUnavailableError(type(error).__name__) from error
            raise

    async def _release(self, connection: Connection) -> None:
        if self._pool is None:
            return
        try:
            await self._pool.release(connection)
        except asyncio.CancelledError:
            # The release goes on for an unknown time, so the connection counts as in use from now on: that
            # costs deadlines that are not needed, and never lacks one that is.
            raise
        except Exception as error:
            self._in_use -= 1
            if not isinstance(error, _NO_CONNECTION):
                raise
            # The work is done or has its own error; asyncpg has closed the connection.
            log.warning("connection lost on its return", reason=type(error).__name__)
        else:
            self._in_use -= 1

    async def dedicated(self) -> "asyncpg.Connection[asyncpg.Record]":
        """Open a connection outside the pool: session locks and LISTEN do not survive the pool's reset.

        Raises ``DatabaseUnavailableError``.
        """
        try:
            return await asyncpg.connect(
                self._url.reveal(),
                timeout=5,
                command_timeout=self._statement_seconds,
                server_settings={"application_name": f"{self._application} (dedicated)", **LIMITS},
            )
        except _NO_CONNECTION as error:
            raise DatabaseUnavailableError(type(error).__name__) from error

    async def _select_one(self) -> str | None:
        try:
            async with self.connection() as connection:
                await connection.execute("SELECT 1")
        except DatabaseUnavailableError as error:
            return f"unavailable ({error})"
        return None


def _translated(
    error: Exception, *, connection: Connection, refused: type[Exception] | None
) -> Exception | None:
    """Return the error of this module or ``refused`` that an error stands for, ``None`` where it passes."""
    if isinstance(error, LATER):
        log.warning("database asks for a later try", reason=type(error).__name__, sqlstate=error.sqlstate)
        return DatabaseUnavailableError(type(error).__name__)
    # asyncpg's own refusal of an argument is a ValueError too; its other interface errors are about the
    # connection.
    wrong_values = isinstance(error, VALUES_REFUSED) or (
        isinstance(error, asyncpg.InterfaceError) and isinstance(error, ValueError)
    )
    if wrong_values and refused is not None:
        return refused(type(error).__name__)
    if isinstance(error, AWAY) and _is_servers(error, connection=connection):
        return DatabaseUnavailableError(type(error).__name__)
    return None


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
