"""Starts the executions that messages ask for."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from functools import partial
from typing import Final

import structlog

from orchestrator_worker.domain.dedup_window import SHORTEST_WINDOW, safe_age
from orchestrator_worker.domain.limits import truncated
from orchestrator_worker.domain.starts import (
    StartRequest,
    delivery_execution,
    delivery_start,
    event_start,
    large_delivery_start,
    manual_start,
)
from orchestrator_worker.ports import (
    Bodies,
    DedupWindow,
    EventDirectory,
    ExecutionLog,
    StartRefusedError,
    StartUnavailableError,
    WorkflowStarter,
)
from orchestrator_worker.usecases.start_pool import StartPool
from trigger_contracts.deliveries import DeliveriesAccepted, LargeDeliveryAccepted
from trigger_contracts.events import CloudEvent
from trigger_contracts.executions import Execution, ExecutionError, ExecutionFailed
from trigger_contracts.firings import ManualFiring
from trigger_contracts.workflow_io import (
    MAX_INPUT_BYTES,
    MAX_VALUE_BYTES,
    encoded_size,
    execution_workflow_id,
)
from trigger_runtime.bus.connection import BusUnavailableError
from trigger_runtime.bus.object_store import ObjectDamagedError, ObjectMissingError

log = structlog.stdlib.get_logger(__name__)

NOT_STARTABLE: Final = "not_startable"
"""Error code: Temporal refuses the start, and always will."""

INTERNAL: Final = "internal"
"""Error code: a defect of this service; the log has the details."""

BODY_LOST: Final = "body_lost"
"""Error code: the body of a large delivery is not in its store any more, or is not what was stored."""


class TooOldToStartError(Exception):
    """A message is older than what Temporal remembers: its executions may have been started before."""


class Dispatcher:
    """Starts the executions that messages ask for, each exactly once, however often a message comes.

    A method returns when every execution of its message is started. An execution that Temporal refuses for
    good, or that a defect keeps from starting, is recorded as failed instead.

    Raises ``StartUnavailableError`` or ``BusUnavailableError`` where one of them cannot be started now: the
    others are, and the message has to come again. Raises ``TooOldToStartError``, and starts nothing, where
    the bus stored the message so long ago that Temporal may have forgotten an earlier start of it.
    """

    def __init__(
        self,
        *,
        starter: WorkflowStarter,
        dedup_window: DedupWindow,
        execution_log: ExecutionLog,
        directory: EventDirectory,
        bodies: Bodies,
        pool: StartPool,
        now: Callable[[], datetime],
    ) -> None:
        self._starter = starter
        self._dedup_window = dedup_window
        self._log = execution_log
        self._directory = directory
        self._bodies = bodies
        self._now = now
        self._pool = pool

    async def dispatch_deliveries(self, message: DeliveriesAccepted, *, stored_at: datetime) -> None:
        """Start one execution for each webhook delivery of the batch."""
        await self._start_all(
            [delivery_start(delivery) for delivery in message.deliveries], stored_at=stored_at
        )

    async def dispatch_large_delivery(self, message: LargeDeliveryAccepted, *, stored_at: datetime) -> None:
        """Start the execution of a delivery whose body is in the object store.

        A body that no payload can hold is not even fetched: its workflow gets a reference. Where the body is
        lost the execution fails, for an empty body is not what the sender sent.
        """
        self._check_age(stored_at)
        claim, body = message.claim, None
        if claim.size <= MAX_VALUE_BYTES:
            try:
                body = await self._bodies.get(str(claim.key), size=claim.size, sha256=claim.sha256)
            except (ObjectMissingError, ObjectDamagedError) as error:
                execution = delivery_execution(message.delivery)
                with _log_context(execution):
                    log.error("body lost", reason=str(error))
                    await self._fail(execution, code=BODY_LOST, message=str(error))
                return
        request = large_delivery_start(message.delivery, claim=claim, body=body)
        await self._start_all([request], stored_at=stored_at)

    async def dispatch_event(self, event: CloudEvent, *, stored_at: datetime) -> None:
        """Start one execution for each trigger that the event matches."""
        await self._start_all(
            [
                event_start(trigger, event=event, stored_at=stored_at)
                for trigger in await self._directory.matching(event)
            ],
            stored_at=stored_at,
        )

    async def dispatch_firing(self, firing: ManualFiring, *, stored_at: datetime) -> None:
        """Start the execution that was asked for by hand."""
        await self._start_all([manual_start(firing)], stored_at=stored_at)

    async def _start_all(self, requests: Sequence[StartRequest], *, stored_at: datetime) -> None:
        if requests:
            self._check_age(stored_at)
        results = await asyncio.gather(*map(self._start, requests), return_exceptions=True)
        defects: list[tuple[Execution, Exception]] = []
        for request, result in zip(requests, results, strict=True):
            if isinstance(result, Exception) and not isinstance(
                result, StartUnavailableError | BusUnavailableError
            ):
                defects.append((request.execution, result))
            elif result is not None:
                raise result
        # Only now: as long as the message comes again, a fixed release may be deployed.
        for execution, error in defects:
            with _log_context(execution):
                log.error("start failed", exc_info=error)
                await self._fail(execution, code=INTERNAL, message="the execution could not be started")

    def _check_age(self, stored_at: datetime) -> None:
        age = self._now() - stored_at
        # So the retention need not be known for a message that has just come.
        if age <= SHORTEST_WINDOW:
            return
        retention = self._dedup_window.retention()
        if age > safe_age(retention):
            raise TooOldToStartError(
                f"stored {age} ago, which is older than what Temporal remembers (retention {retention}): "
                "look whether it ran, then start it by hand or replay it"
            )

    async def _start(self, request: StartRequest) -> None:
        execution = request.execution
        # The pool bounds the memory too: while a payload is made, it is many times the size of its delivery.
        await self._pool.run(
            partial(self._start_now, request), kind=execution.cause.kind, workspace=execution.workspace
        )

    async def _start_now(self, request: StartRequest) -> None:
        with _log_context(request.execution):
            start = request.make_input()
            if request.request_id:
                # For the rest of this task, which starts nothing else.
                structlog.contextvars.bind_contextvars(request_id=request.request_id)
            try:
                size = encoded_size(start)
                if size > MAX_INPUT_BYTES:
                    raise StartRefusedError(f"the input of {size} bytes is over {MAX_INPUT_BYTES}")
                await self._starter.start(start)
            except StartRefusedError as error:
                log.error("execution cannot be started", reason=str(error))
                await self._fail(request.execution, code=NOT_STARTABLE, message=str(error))

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


def _log_context(execution: Execution) -> AbstractContextManager[None]:
    return structlog.contextvars.bound_contextvars(
        execution_id=str(execution.id), trigger_id=str(execution.trigger_id)
    )
