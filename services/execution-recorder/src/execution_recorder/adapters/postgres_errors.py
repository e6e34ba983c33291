"""What PostgreSQL refuses, in the words of the port."""

from contextlib import AbstractAsyncContextManager

from execution_recorder.ports import UnstorableError
from trigger_runtime import postgres_errors
from trigger_runtime.postgres import Connection, Database


def lent(database: Database) -> AbstractAsyncContextManager[Connection]:
    """Lend a connection; failures are ``DatabaseUnavailableError`` or ``UnstorableError``."""
    return postgres_errors.lent(database, refused=UnstorableError)
