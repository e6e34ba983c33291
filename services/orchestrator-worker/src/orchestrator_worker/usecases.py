"""Starting executions, and what that needs of Temporal and the bus."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from functools import partial
from typing import Final, Protocol
from uuid import UUID

import structlog

from orchestrator_worker.domain.limits import MAX_VALUE_BYTES, truncated
from orchestrator_worker.domain.memory import SHORTEST_MEMORY, sure_age
from orchestrator_worker.domain.starts import (
    Start,
    delivery_execution,
    delivery_start,
    event_execution,
    event_start,
    large_delivery_start,
    manual_execution,
    manual_start,
)
from trigger_contracts.config import TriggerState, WorkflowState
from trigger_contracts.deliveries import ClaimCheck, DeliveriesAccepted, LargeDeliveryAccepted
from trigger_contracts.events import CloudEvent
from trigger_contracts.executions import Execution, ExecutionError, ExecutionFact, ExecutionFailed
from trigger_contracts.firings import ManualFiring
from trigger_contracts.workflow_io import MAX_INPUT_BYTES, encoded_size, execution_workflow_id

log = structlog.stdlib.get_logger(__name__)

NOT_STARTABLE: Final = "not_startable"
"""Error code: Temporal refuses the start, and always will."""

INTERNAL: Final = "internal"
"""Error code: a defect of ours; the log has the details."""

BODY_LOST: Final = "body_lost"
"""Error code: the body of a large delivery is not in its store any more, or is not what was stored."""

Asked = tuple[Execution, Callable[[], Start]]
"""An execution that a message asks for, and what makes its start, which can be large, or fail."""


class StartUnavailableError(Exception):
    """Temporal is away, overloaded or not set up; trying again later can help."""


class StartRefusedError(Exception):
    """Temporal refuses this start for good; the text says why."""


class TooOldToStartError(Exception):
    """A message is older than what Temporal remembers: whether it was started before cannot be known."""


class LogUnavailableError(Exception):
    """The bus has not confirmed the fact; trying again later can help."""


class FactTooLargeError(Exception):
    """The fact is larger than the bus takes; trying again cannot help."""


class BodyLostError(Exception):
    """A body is gone from its store, or is not what was stored; trying again cannot help."""


class Bodies(Protocol):
    """The bodies that are too large for messages."""

    async def fetch(self, claim: ClaimCheck) -> bytes:
        """Return exactly the bytes that were claimed. Raises ``LogUnavailableError`` or ``BodyLostError``."""


class WorkflowStarter(Protocol):
    """Temporal, to the dispatcher."""

    async def start(self, start: Start) -> None:
        """Start ``triggeredWorkflow``; one that was started before is a success.

        Raises ``StartUnavailableError`` or ``StartRefusedError``.
        """


class StartMemory(Protocol):
    """How long ``WorkflowStarter`` knows that something was started before."""

    def retention(self) -> timedelta:
        """Return how long a closed workflow's id is remembered. Raises ``StartUnavailableError``."""


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
    Temporal refuses it for good or a defect of ours keeps it from being started. One that cannot be
    started now does not keep the others from starting, but the method then raises
    ``StartUnavailableError`` or ``LogUnavailableError`` and is to be called again.

    A method raises ``TooOldToStartError`` and starts nothing where the bus stored the message (at
    ``stored_at``) so long ago that Temporal may have forgotten an earlier start of it.
    """

    def __init__(
        self,
        *,
        starter: WorkflowStarter,
        memory: StartMemory,
        execution_log: ExecutionLog,
        directory: EventDirectory,
        bodies: Bodies,
        now: Callable[[], datetime],
        max_concurrent: int,
    ) -> None:
        self._starter = starter
        self._memory = memory
        self._log = execution_log
        self._directory = directory
        self._bodies = bodies
        self._now = now
        self._room = asyncio.Semaphore(max_concurrent)

    async def dispatch_deliveries(self, message: DeliveriesAccepted, *, stored_at: datetime) -> None:
        """Start one execution for each webhook delivery of the batch."""
        asked = [
            (delivery_execution(delivery), partial(delivery_start, delivery))
            for delivery in message.deliveries
        ]
        await self._start_all(asked, stored_at=stored_at)

    async def dispatch_large_delivery(self, message: LargeDeliveryAccepted, *, stored_at: datetime) -> None:
        """Start the execution of a delivery whose body was left at the object store.

        A body that no payload can hold is not even fetched: its workflow gets a reference. One that should
        be there and is not ends its execution as failed, for an empty body is not what the sender sent.
        """
        self._check_age(stored_at)
        execution = delivery_execution(message.delivery)
        body = None
        if message.claim.size <= MAX_VALUE_BYTES:
            try:
                body = await self._bodies.fetch(message.claim)
            except BodyLostError as error:
                with _bound(execution):
                    log.error("body lost", reason=str(error))
                    await self._fail(execution, code=BODY_LOST, message=str(error))
                return
        make = partial(large_delivery_start, message.delivery, claim=message.claim, body=body)
        await self._start_all([(execution, make)], stored_at=stored_at)

    async def dispatch_event(self, event: CloudEvent, *, stored_at: datetime) -> None:
        """Start one execution for each trigger that the event matches."""
        asked = [
            (
                event_execution(trigger, event=event, stored_at=stored_at),
                partial(event_start, trigger, event=event, stored_at=stored_at),
            )
            for trigger in self._directory.matching(event)
        ]
        await self._start_all(asked, stored_at=stored_at)

    async def dispatch_firing(self, firing: ManualFiring, *, stored_at: datetime) -> None:
        """Start the execution that somebody asked for."""
        await self._start_all(
            [(manual_execution(firing), partial(manual_start, firing))], stored_at=stored_at
        )

    async def _start_all(self, asked: Sequence[Asked], *, stored_at: datetime) -> None:
        if asked:
            self._check_age(stored_at)
        results = await asyncio.gather(
            *(self._start(execution, make=make) for execution, make in asked), return_exceptions=True
        )
        defects: list[tuple[Execution, Exception]] = []
        for (execution, _), result in zip(asked, results, strict=True):
            if isinstance(result, Exception) and not isinstance(
                result, StartUnavailableError | LogUnavailableError
            ):
                defects.append((execution, result))
            elif result is not None:
                raise result
        # Only now: as long as the message comes again a defect may be deployed away.
        for execution, error in defects:
            with _bound(execution):
                log.error("start failed", exc_info=error)
                await self._fail(execution, code=INTERNAL, message="the execution could not be started")

    def _check_age(self, stored_at: datetime) -> None:
        age = self._now() - stored_at
        # So the retention need not be known for what has just come.
        if age <= SHORTEST_MEMORY:
            return
        retention = self._memory.retention()
        if age > sure_age(retention):
            raise TooOldToStartError(
                f"stored {age} ago, which is older than what Temporal remembers (retention {retention}): "
                "look whether it ran, then start it by hand or replay it"
            )

    async def _start(self, execution: Execution, *, make: Callable[[], Start]) -> None:
        # Inside the room, for a payload is many times the size of its delivery while it is made.
        async with self._room:
            with _bound(execution):
                start = make()
                if start.request_id:
                    # For the rest of this task, which is this start's alone.
                    structlog.contextvars.bind_contextvars(request_id=start.request_id)
                try:
                    size = encoded_size(start.input)
                    if size > MAX_INPUT_BYTES:
                        raise StartRefusedError(f"the input of {size} bytes is over {MAX_INPUT_BYTES}")
                    await self._starter.start(start)
                except StartRefusedError as error:
                    log.error("execution cannot be started", reason=str(error))
                    await self._fail(execution, code=NOT_STARTABLE, message=str(error))

    async def _fail(self, execution: Execution, *, code: str, message: str) -> None:
        await self._log.record(
            ExecutionFailed(
                execution=execution,
                at=self._now(),
                temporal_workflow_id=execution_workflow_id(execution.id),
                temporal_run_id="",
                error=ExecutionError(code=code, message=truncated(message)),
            )
        )


def _bound(execution: Execution) -> AbstractContextManager[None]:
    return structlog.contextvars.bound_contextvars(
        execution_id=str(execution.id), trigger_id=str(execution.trigger_id)
    )
