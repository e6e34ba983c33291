"""Which of PostgreSQL's answers mean "later", and which mean "never".

That the server is away, short of something or a standby is told apart in ``trigger_runtime.postgres``.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Final

import asyncpg
import structlog

from trigger_runtime.postgres import Database, DatabaseUnavailableError, Loan

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


def lent(database: Database, *, refused: type[Exception] | None = None) -> "TranslatedLoan":
    """Lend a connection; failures are ``DatabaseUnavailableError``, or ``refused`` for refused values.

    Begin a transaction inside, so that its commit is covered: ``async with lent(database) as connection,
    connection.transaction():``. What is neither passes. The database's words stay in the cause: they
    quote values.
    """
    return TranslatedLoan(database, refused=refused)


class TranslatedLoan(Loan):
    """A loan whose failures are told apart."""

    __slots__ = ("_refused",)

    def __init__(self, database: Database, *, refused: type[Exception] | None) -> None:
        super().__init__(database)
        self._refused = refused

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        meaning = _meaning(error, refused=self._refused) if error is not None else None
        if meaning is None:
            await super().__aexit__(kind, error, trace)
            return
        try:
            raise meaning from error
        finally:
            await super().__aexit__(type(meaning), meaning, None)


@contextmanager
def translated(*, refused: type[Exception] | None = None) -> Iterator[None]:
    """Raise ``DatabaseUnavailableError`` for ``LATER``, and ``refused`` for ``NEVER``."""
    try:
        yield
    except Exception as error:
        meaning = _meaning(error, refused=refused)
        if meaning is None:
            raise
        raise meaning from error


def _meaning(error: BaseException, *, refused: type[Exception] | None) -> Exception | None:
    """Return what an error of the database means, ``None`` where it passes as it is."""
    if isinstance(error, LATER):
        log.warning("database asks for a later try", reason=type(error).__name__, sqlstate=error.sqlstate)
        return DatabaseUnavailableError(type(error).__name__)
    # asyncpg's own refusal of an argument is a ValueError too; its other interface errors are about the
    # connection.
    never = isinstance(error, NEVER) or (
        isinstance(error, asyncpg.InterfaceError) and isinstance(error, ValueError)
    )
    return refused(type(error).__name__) if never and refused is not None else None
