"""Deleting what is older than it is kept."""

from datetime import datetime
from typing import Final

from execution_recorder.domain.webhook_rates import Span
from execution_recorder.ports import UnstorableError
from trigger_runtime.postgres import Database

_RATES: Final = (
    "WITH gone AS (DELETE FROM execution_recorder.webhook_rates WHERE ctid = ANY (ARRAY("
    "SELECT ctid FROM execution_recorder.webhook_rates WHERE span = $3 AND starts_at < $1 ORDER BY starts_at"
    " LIMIT $2 FOR UPDATE SKIP LOCKED)) RETURNING 1) SELECT count(*) FROM gone"
)

# What another process deletes, or an upsert changes, at this moment is left to the next call. Executions
# that have not ended have no end to compare with and stay.
_STATEMENTS: Final = tuple(
    f"WITH gone AS (DELETE FROM execution_recorder.{table} WHERE id = ANY (ARRAY("  # noqa: S608 - constants
    f"SELECT id FROM execution_recorder.{table} WHERE {column} < $1 ORDER BY {column} LIMIT $2"
    " FOR UPDATE SKIP LOCKED)) RETURNING 1) SELECT count(*) FROM gone"
    for table, column in (("webhook_logs", "created_at"), ("trigger_executions", "completed_at"))
)


class PostgresPruning:
    """The port ``Pruning``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def prune(self, *, before: datetime, limit: int) -> int:
        """See ``ports.Pruning``."""
        async with self._database.connection(refused=UnstorableError) as connection:
            return sum([int(await connection.fetchval(text, before, limit)) for text in _STATEMENTS])

    async def prune_rates(self, span: Span, *, before: datetime, limit: int) -> int:
        """See ``ports.Pruning``."""
        async with self._database.connection(refused=UnstorableError) as connection:
            return int(await connection.fetchval(_RATES, before, limit, span.value))
