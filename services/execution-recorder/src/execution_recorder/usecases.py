"""Recording: what comes over the bus, folded into the history."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from execution_recorder.domain.execution import ExecutionRecord, evolve
from execution_recorder.domain.facts import AnyFactAsSent, record_of_fact, record_of_manual_firing
from execution_recorder.domain.webhook_log import log_of, record_of_delivery
from execution_recorder.ports import Recording
from trigger_contracts.deliveries import AcceptedDelivery, DeliveriesAccepted, DeliveriesRejected
from trigger_contracts.firings import ManualFiring


async def record_deliveries(batch: DeliveriesAccepted | DeliveriesRejected, *, recording: Recording) -> None:
    """Write a batch's log rows and, for accepted requests, their executions. Raises as ``Recording``."""
    logs = {delivery.id: log_of(delivery) for delivery in batch.deliveries}
    begun = [
        record_of_delivery(delivery)
        for delivery in batch.deliveries
        if isinstance(delivery, AcceptedDelivery)
    ]
    await recording.record(logs=list(logs.values()), executions=folded(begun))


async def record_fact(fact: AnyFactAsSent, *, recording: Recording) -> None:
    """Fold a lifecycle fact into its execution. Raises as ``Recording``."""
    await recording.record(logs=(), executions=[record_of_fact(fact)])


async def record_manual_firing(firing: ManualFiring, *, recording: Recording) -> None:
    """Write the execution that somebody was told the id of. Raises as ``Recording``."""
    await recording.record(logs=(), executions=[record_of_manual_firing(firing)])


def folded(records: Iterable[ExecutionRecord]) -> Sequence[ExecutionRecord]:
    """Return one record for each execution: a retried delivery is in a batch twice under one execution id."""
    known: dict[UUID, ExecutionRecord] = {}
    for record in records:
        earlier = known.get(record.id)
        known[record.id] = record if earlier is None else evolve(earlier, record)
    return list(known.values())
