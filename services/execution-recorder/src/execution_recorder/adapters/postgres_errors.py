"""Which of PostgreSQL's answers mean "later", and which mean "never".

That the server is away, short of something or a standby is the runtime's to know.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

import asyncpg

from execution_recorder.ports import UnstorableError
from trigger_runtime.postgres import Connection, Database, DatabaseUnavailableError

_LATER: Final = (
    # A deployment under way: the schema is not there yet, or not ours to use yet.
    asyncpg.UndefinedTableError,
    asyncpg.UndefinedColumnError,
    asyncpg.InvalidSchemaNameError,
    asyncpg.InsufficientPrivilegeError,
    # A deadlock or a serialisation failure: the other side went on.
    asyncpg.TransactionRollbackError,
)
_NEVER: Final = (
    asyncpg.DataError,
    asyncpg.ProgramLimitExceededError,
    asyncpg.IntegrityConstraintViolationError,
)


@asynccontextmanager
async def lent(database: Database) -> AsyncIterator[Connection]:
    """Lend a connection; failures are ``DatabaseUnavailableError`` or ``UnstorableError``.

    What is neither is a defect and passes. The database's words stay in the cause: they quote values.
    """
    async with database.connection() as connection:
        with _translated():
            yield connection


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except _LATER as error:
        raise DatabaseUnavailableError(type(error).__name__) from error
    except _NEVER as error:
        raise UnstorableError(type(error).__name__) from error
    except asyncpg.InterfaceError as error:
        # asyncpg's own refusal of an argument is a ValueError too; its other interface errors are about
        # the connection.
        if isinstance(error, ValueError):
            raise UnstorableError(type(error).__name__) from error
        raise
