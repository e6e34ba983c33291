"""What the use cases need of a store; ``adapters`` has it on PostgreSQL."""

from collections.abc import Sequence
from typing import Protocol

from execution_recorder.domain.execution import ExecutionRecord
from execution_recorder.domain.webhook_log import WebhookLog


class ValueRefusedError(Exception):
    """The store refuses the values themselves; another try cannot succeed."""


class Recording(Protocol):
    """Writing. Each call is one transaction, may be repeated, and may run concurrently with others."""

    async def record(self, *, logs: Sequence[WebhookLog], executions: Sequence[ExecutionRecord]) -> None:
        """Add and count the log rows that are new, and fold the records into the executions.

        Raises ``ValueRefusedError``, or ``DatabaseUnavailableError`` when a later try can succeed.
        """
