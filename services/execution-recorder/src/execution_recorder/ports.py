"""What the use cases need of a store; ``adapters`` has it on PostgreSQL."""

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from execution_recorder.domain.execution import ExecutionRecord
from execution_recorder.domain.open_execution import OpenExecution
from execution_recorder.domain.webhook_log import WebhookLog
from trigger_contracts.run_states import RunsDescribed


class ValueRefusedError(Exception):
    """The store refuses the values themselves; another try cannot succeed."""


class Recording(Protocol):
    """Writing. Each call is one transaction, may be repeated, and may run concurrently with others."""

    async def record(self, *, logs: Sequence[WebhookLog], executions: Sequence[ExecutionRecord]) -> None:
        """Add and count the log rows that are new, and fold the records into the executions.

        Raises ``ValueRefusedError``, or ``DatabaseUnavailableError`` when a later try can succeed.
        """


class OpenExecutions(Protocol):
    """Executions without an end. Raise ``DatabaseUnavailableError``."""

    async def claim(self, *, limit: int) -> Sequence[OpenExecution]:
        """Return those that it is time to look at; no other process gets them for a while."""

    async def postpone(self, execution_ids: Sequence[UUID]) -> None:
        """Look at these later, those that are old much later."""


class Runs(Protocol):
    """What Temporal says about executions."""

    async def describe(self, executions: Sequence[OpenExecution]) -> RunsDescribed:
        """Return how far they are. Raises ``BusUnavailableError``."""
