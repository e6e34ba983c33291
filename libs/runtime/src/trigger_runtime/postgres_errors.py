"""Which of PostgreSQL's answers mean "later", and which mean "never".

That the server is away, short of something or a standby is told apart in ``trigger_runtime.postgres``.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

import asyncpg
import structlog

from trigger_runtime.postgres import Connection, Database, DatabaseUnavailableError

log = structlog.stdlib.get_logger(__name__)

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
"""Nothing is wrong with what was asked; asking again later can help."""

NEVER: Final[tuple[type[asyncpg.PostgresError], ...]] = (
    asyncpg.DataError,
    asyncpg.ProgramLimitExceededError,
    asyncpg.IntegrityConstraintViolationError,
)
"""The values themselves are refused."""


@asynccontextmanager
async def lent(database: Database, *, refused: type[Exception] | None = None) -> AsyncIterator[Connection]:
    """Lend a connection; failures are ``DatabaseUnavailableError``, or ``refused`` for refused values.

    Begin a transaction inside, so that its commit is covered: ``async with lent(database) as connection,
    connection.transaction():``. What is neither passes. The database's words stay in the cause: they
    quote values.
    """
    async with database.connection() as connection:
        with translated(refused=refused):
            yield connection


@contextmanager
def translated(*, refused: type[Exception] | None = None) -> Iterator[None]:
    """Raise ``DatabaseUnavailableError`` for ``LATER``, and ``refused`` for ``NEVER``."""
    try:
        yield
    except LATER as error:
        log.warning("database asks for a later try", reason=type(error).__name__, sqlstate=error.sqlstate)
        raise DatabaseUnavailableError(type(error).__name__) from error
    except NEVER as error:
        if refused is None:
            raise
        raise refused(type(error).__name__) from error
    except asyncpg.InterfaceError as error:
        # asyncpg's own refusal of an argument is a ValueError too; its other interface errors are about
        # the connection.
        if refused is None or not isinstance(error, ValueError):
            raise
        raise refused(type(error).__name__) from error
