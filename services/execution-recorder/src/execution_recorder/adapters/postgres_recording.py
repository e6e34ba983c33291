"""Writing the history: one transaction for what belongs together."""

from collections.abc import Sequence

from execution_recorder.adapters.postgres_executions import merge_executions
from execution_recorder.adapters.postgres_webhook_logs import insert_webhook_logs, mark_repeated
from execution_recorder.adapters.postgres_webhook_rates import add_webhook_rates
from execution_recorder.domain.execution import ExecutionRecord
from execution_recorder.domain.webhook_log import WebhookLog
from execution_recorder.ports import ValueRefusedError
from trigger_runtime.postgres import Database


class PostgresRecording:
    """Implements ``ports.Recording``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def record(self, *, logs: Sequence[WebhookLog], executions: Sequence[ExecutionRecord]) -> None:
        """Write what belongs together."""
        async with self._database.connection(refused=ValueRefusedError) as connection:
            if not logs:
                # A single statement is a transaction of its own, two round trips cheaper.
                await merge_executions(connection, executions)
                return
            async with connection.transaction():
                added = await insert_webhook_logs(connection, logs)
                await merge_executions(connection, executions)
                await mark_repeated(connection, added)
                await add_webhook_rates(connection, added)
