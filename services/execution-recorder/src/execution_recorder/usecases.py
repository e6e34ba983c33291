"""Recording: what comes over the bus, folded into the history."""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from execution_recorder.domain.execution import ExecutionRecord, evolve
from execution_recorder.domain.facts import AnyRawFact, record_of_fact, record_of_manual_firing
from execution_recorder.domain.open_execution import conclude_unknown
from execution_recorder.domain.webhook_log import WebhookLog, log_of, record_of_delivery
from execution_recorder.ports import OpenExecutions, Recording, Runs
from trigger_contracts.deliveries import (
    AcceptedDelivery,
    DeliveriesAccepted,
    DeliveriesRejected,
    LargeDeliveryAccepted,
    RejectedDelivery,
)
from trigger_contracts.firings import ManualFiring
from trigger_runtime.bus.object_store import ObjectDamagedError, ObjectMissingError, ObjectStore


async def record_deliveries(batch: DeliveriesAccepted | DeliveriesRejected, *, recording: Recording) -> None:
    """Write a batch's log rows and, for accepted requests, their executions. Raises as ``Recording``."""
    logs = await asyncio.to_thread(_logs_of, batch.deliveries)
    begun = [
        record_of_delivery(delivery)
        for delivery in batch.deliveries
        if isinstance(delivery, AcceptedDelivery)
    ]
    await recording.record(logs=list(logs.values()), executions=merge_by_id(begun))


def _logs_of(deliveries: Iterable[AcceptedDelivery | RejectedDelivery]) -> dict[UUID, WebhookLog]:
    # In a thread: to read the bodies of a whole batch takes a while.
    return {delivery.id: log_of(delivery) for delivery in deliveries}


async def record_large_delivery(
    message: LargeDeliveryAccepted, *, bodies: ObjectStore, recording: Recording
) -> None:
    """Write the log row of a request whose body is in the object store, and its execution.

    Where the body is lost the row has none, and says so in ``error``. Raises ``BusUnavailableError``, and as
    ``Recording``.
    """
    claim = message.claim
    try:
        body = await bodies.get(str(claim.key), size=claim.size, sha256=claim.sha256)
        row = await asyncio.to_thread(log_of, msgspec.structs.replace(message.delivery, body=body))
    except (ObjectMissingError, ObjectDamagedError) as error:
        row = msgspec.structs.replace(log_of(message.delivery), error=f"The body is lost: {error}")
    await recording.record(logs=[row], executions=[record_of_delivery(message.delivery)])


async def record_fact(fact: AnyRawFact, *, recording: Recording) -> None:
    """Fold a lifecycle fact into its execution. Raises as ``Recording``."""
    await recording.record(logs=(), executions=[record_of_fact(fact)])


async def record_manual_firing(firing: ManualFiring, *, recording: Recording) -> None:
    """Write the execution that was asked for by hand. Raises as ``Recording``."""
    await recording.record(logs=(), executions=[record_of_manual_firing(firing)])


async def look_at_open_executions(
    open_executions: OpenExecutions, *, runs: Runs, recording: Recording, limit: int, now: datetime
) -> tuple[int, Sequence[UUID]]:
    """Look at a batch; return how many there were, and the ids of those that are lost.

    The ends of what is closed in Temporal come as facts. What could not be looked up is claimed again soon.
    Raises ``BusUnavailableError`` or ``DatabaseUnavailableError``.
    """
    claimed = await open_executions.claim(limit=limit)
    if not claimed:
        return 0, ()
    described = await runs.describe(claimed)
    unknown = frozenset(described.unknown)
    records = (conclude_unknown(execution, now=now) for execution in claimed if execution.id in unknown)
    lost = [record for record in records if record is not None]
    if lost:
        await recording.record(logs=(), executions=lost)
    await open_executions.postpone([*described.running, *described.ended, *unknown])
    return len(claimed), [record.id for record in lost]


def merge_by_id(records: Iterable[ExecutionRecord]) -> Sequence[ExecutionRecord]:
    """Return one record for each execution: a retried delivery is in a batch twice under one execution id."""
    known: dict[UUID, ExecutionRecord] = {}
    for record in records:
        earlier = known.get(record.id)
        known[record.id] = record if earlier is None else evolve(earlier, record)
    return list(known.values())
