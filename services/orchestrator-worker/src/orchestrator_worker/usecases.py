"""Starting executions, and what that needs of Temporal and the bus."""

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import partial
from typing import Final, Protocol
from uuid import UUID

import structlog

from orchestrator_worker.domain.limits import MAX_BLOB_BYTES, encoded_size
from orchestrator_worker.domain.naming import bounded
from orchestrator_worker.domain.starts import Start, delivery_start, event_start, manual_start
from trigger_contracts.config import TriggerState, WorkflowState
from trigger_contracts.deliveries import DeliveriesAccepted
from trigger_contracts.events import CloudEvent
from trigger_contracts.executions import Execution, ExecutionError, ExecutionFact, ExecutionFailed
from trigger_contracts.firings import ManualFiring
from trigger_contracts.workflow_io import execution_workflow_id

log = structlog.stdlib.get_logger(__name__)

NOT_STARTABLE: Final = "not_startable"
"""Error code: Temporal refuses the start, and always will."""


class StartUnavailableError(Exception):
    """Temporal is away, overloaded or not set up; trying again later can help."""


class StartRefusedError(Exception):
    """Temporal refuses this start for good; the text says why."""


class LogUnavailableError(Exception):
    """The bus has not confirmed the fact; trying again later can help."""


class FactTooLargeError(Exception):
    """The fact is larger than the bus takes; trying again cannot help."""


class WorkflowStarter(Protocol):
    """Temporal, to the dispatcher."""

    async def start(self, start: Start) -> None:
        """Start ``triggeredWorkflow``; one that was started before is a success.

        Raises ``StartUnavailableError`` or ``StartRefusedError``.
        """


class ExecutionLog(Protocol):
    """Where the facts of executions go."""

    async def record(self, fact: ExecutionFact) -> None:
        """Store a fact; repeating one within the bus's window stores it once.

        Raises ``LogUnavailableError`` or ``FactTooLargeError``.
        """


class WorkflowDefinitions(Protocol):
    """Workflows as they are now."""

    async def find(self, workflow_id: UUID) -> WorkflowState | None:
        """Return a workflow's last state, which may be a tombstone; ``None`` where there never was one.

        Raises ``LogUnavailableError`` or ``trigger_contracts.codec.ContractError``.
        """


class EventDirectory(Protocol):
    """The event triggers that are known."""

    def matching(self, event: CloudEvent) -> list[TriggerState]:
        """Return the triggers that an event starts."""


class Dispatcher:
    """Starts the executions that messages ask for, each exactly once, however often a message comes.

    A method returns when every execution of its message is started, or recorded as failed where
    Temporal refuses it for good. One that cannot be started now does not keep the others from
    starting, but the method then raises ``StartUnavailableError`` or ``LogUnavailableError`` and
    is to be called again.
    """

    def __init__(
        self,
        *,
        starter: WorkflowStarter,
        execution_log: ExecutionLog,
        directory: EventDirectory,
        now: Callable[[], datetime],
        max_concurrent: int,
    ) -> None:
        self._starter = starter
        self._log = execution_log
        self._directory = directory
        self._now = now
        self._room = asyncio.Semaphore(max_concurrent)

    async def dispatch_deliveries(self, message: DeliveriesAccepted) -> None:
        """Start one execution for each webhook delivery of the batch."""
        await self._start_all(partial(delivery_start, delivery) for delivery in message.deliveries)

    async def dispatch_event(self, event: CloudEvent, *, stored_at: datetime) -> None:
        """Start one execution for each trigger that the event matches."""
        await self._start_all(
            partial(event_start, trigger, event=event, stored_at=stored_at)
            for trigger in self._directory.matching(event)
        )

    async def dispatch_firing(self, firing: ManualFiring) -> None:
        """Start the execution that somebody asked for."""
        await self._start_all([partial(manual_start, firing)])

    async def _start_all(self, starts: Iterable[Callable[[], Start]]) -> None:
        results = await asyncio.gather(*(self._start(make) for make in starts), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result

    async def _start(self, make: Callable[[], Start]) -> None:
        # Inside the room, for a payload is many times the size of its delivery while it is made.
        async with self._room:
            start = make()
            with structlog.contextvars.bound_contextvars(
                execution_id=str(start.execution.id),
                trigger_id=str(start.execution.trigger_id),
                **({"request_id": start.request_id} if start.request_id else {}),
            ):
                try:
                    size = encoded_size(start.input)
                    if size > MAX_BLOB_BYTES:
                        raise StartRefusedError(f"the input of {size} bytes is over {MAX_BLOB_BYTES}")
                    await self._starter.start(start)
                except StartRefusedError as error:
                    await self._fail(start.execution, reason=str(error))

    async def _fail(self, execution: Execution, *, reason: str) -> None:
        log.error("execution cannot be started", reason=reason)
        await self._log.record(
            ExecutionFailed(
                execution=execution,
                at=self._now(),
                temporal_workflow_id=execution_workflow_id(execution.id),
                temporal_run_id="",
                error=ExecutionError(code=NOT_STARTABLE, message=bounded(reason)),
            )
        )
