"""Deleting what is older than it is kept."""

from datetime import datetime
from typing import Final

from execution_recorder.domain.webhook_rates import Span
from execution_recorder.ports import ValueRefusedError
from trigger_runtime.postgres import Database

_RATES: Final = (
    "WITH gone AS (DELETE FROM execution_recorder.webhook_rates WHERE ctid = ANY (ARRAY("
    "SELECT ctid FROM execution_recorder.webhook_rates WHERE span = $3 AND starts_at < $1 ORDER BY starts_at"
    " LIMIT $2 FOR UPDATE SKIP LOCKED)) RETURNING 1) SELECT count(*) FROM gone"
)

# Rows that another process is deleting or changing are left to the next call. Executions that have not ended
# have no end to compare with, and stay.
_STATEMENTS: Final = tuple(
    f"WITH gone AS (DELETE FROM execution_recorder.{table} WHERE id = ANY (ARRAY("  # noqa: S608 - constants
    f"SELECT id FROM execution_recorder.{table} WHERE {column} < $1 ORDER BY {column} LIMIT $2"
    " FOR UPDATE SKIP LOCKED)) RETURNING 1) SELECT count(*) FROM gone"
    for table, column in (("webhook_logs", "created_at"), ("trigger_executions", "completed_at"))
)


class PostgresPruning:
    """Deletes old rows. Several processes may do this at once. Raises ``DatabaseUnavailableError``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def prune(self, *, before: datetime, limit: int) -> int:
        """Delete requests that came, and executions that ended, before a time; return how many.

        At most ``limit`` of each in one call.
        """
        async with self._database.connection(refused=ValueRefusedError) as connection:
            return sum([int(await connection.fetchval(text, before, limit)) for text in _STATEMENTS])

    async def prune_rates(self, span: Span, *, before: datetime, limit: int) -> int:
        """Delete counts of spans that started before a time, as ``prune`` does."""
        async with self._database.connection(refused=ValueRefusedError) as connection:
            return int(await connection.fetchval(_RATES, before, limit, span.value))
