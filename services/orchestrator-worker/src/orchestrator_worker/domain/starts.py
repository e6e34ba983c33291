"""From a message to the start of an execution: its identity and its payload."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from trigger_contracts import ids
from trigger_contracts.config import TriggerState, TriggerType
from trigger_contracts.deliveries import AcceptedDelivery, ClaimCheck
from trigger_contracts.events import CloudEvent
from trigger_contracts.executions import Cause, CauseKind, Execution
from trigger_contracts.firings import ManualFiring
from trigger_contracts.payloads import rfc3339, schedule_payload
from trigger_contracts.workflow_io import TriggeredInput, TriggeredRun
from trigger_matching import delivery_payload, large_delivery_payload


@dataclass(frozen=True, slots=True, kw_only=True)
class StartRequest:
    """An execution that a message asks for. Its payload is made late: it can be large, or fail.

    ``request_id`` is that of the HTTP request behind it, for the log; ``None`` where there was none.
    """

    execution: Execution
    make_payload: Callable[[], Any]
    workflow_version: int | None = None
    request_id: str | None = None

    def make_input(self) -> TriggeredInput:
        """Return the input of the execution's workflow."""
        execution = self.execution
        return TriggeredInput(
            workspace=execution.workspace,
            trigger_id=execution.trigger_id,
            trigger_type=execution.trigger_type,
            trigger_name=execution.trigger_name,
            workflow_id=execution.workflow_id,
            run=TriggeredRun(
                execution_id=execution.id,
                cause=execution.cause,
                accepted_at=execution.accepted_at,
                payload=self.make_payload(),
                workflow_version=self.workflow_version,
            ),
        )


def delivery_execution(delivery: AcceptedDelivery) -> Execution:
    """Return the execution that was promised to a webhook's sender."""
    return Execution(
        id=delivery.execution_id,
        workspace=delivery.workspace,
        trigger_id=delivery.trigger_id,
        trigger_type=TriggerType.WEBHOOK,
        trigger_name=delivery.trigger_name or "",
        workflow_id=delivery.workflow_id,
        cause=Cause(kind=CauseKind.DELIVERY, id=str(delivery.id)),
        accepted_at=delivery.received_at,
    )


def delivery_start(delivery: AcceptedDelivery) -> StartRequest:
    """Return the start of a webhook's execution."""
    return StartRequest(
        execution=delivery_execution(delivery),
        make_payload=lambda: delivery_payload(delivery),
        request_id=delivery.request_id,
    )


def large_delivery_start(
    delivery: AcceptedDelivery, *, claim: ClaimCheck, body: bytes | None
) -> StartRequest:
    """Return the start of a delivery whose body came apart from it; ``None`` where it was not fetched."""
    return StartRequest(
        execution=delivery_execution(delivery),
        make_payload=lambda: large_delivery_payload(delivery, claim=claim, body=body),
        request_id=delivery.request_id,
    )


def event_start(trigger: TriggerState, *, event: CloudEvent, stored_at: datetime) -> StartRequest:
    """Return the start of one trigger's execution for an event that the bus stored at ``stored_at``."""
    execution = Execution(
        id=ids.event_execution_id(trigger.id, source=event.source, event_id=event.id),
        workspace=trigger.workspace,
        trigger_id=trigger.id,
        trigger_type=TriggerType.EVENT,
        trigger_name=trigger.name,
        workflow_id=trigger.workflow_id,
        cause=Cause(kind=CauseKind.EVENT, id=event.id),
        accepted_at=stored_at,
    )
    return StartRequest(execution=execution, make_payload=lambda: event.document)


def manual_start(firing: ManualFiring) -> StartRequest:
    """Return the start of an execution that was asked for by hand."""
    execution = Execution(
        id=firing.execution_id,
        workspace=firing.workspace,
        trigger_id=firing.trigger_id,
        trigger_type=firing.trigger_type,
        trigger_name=firing.trigger_name,
        workflow_id=firing.workflow_id,
        cause=Cause(kind=CauseKind.MANUAL, id=firing.request_id),
        accepted_at=firing.requested_at,
    )
    return StartRequest(
        execution=execution,
        make_payload=lambda: firing.inputs,
        workflow_version=firing.workflow_version,
        request_id=firing.request_id,
    )


def fired_run(
    start: TriggeredInput, *, nominal_time: datetime, fired_at: datetime, backfill: UUID | None = None
) -> TriggeredRun:
    """Return the run of a schedule's fire, whose identity and payload follow from the nominal time.

    ``backfill`` is the request that runs it again: such a run has an identity of its own.
    """
    configured_input = start.scheduled.input if start.scheduled else None
    if backfill is None:
        execution_id = ids.fire_execution_id(start.trigger_id, nominal_time=nominal_time)
    else:
        execution_id = ids.backfill_execution_id(
            start.trigger_id, request_id=backfill, nominal_time=nominal_time
        )
    return TriggeredRun(
        execution_id=execution_id,
        cause=Cause(
            kind=CauseKind.SCHEDULE,
            id=rfc3339(nominal_time),
            backfill=msgspec.UNSET if backfill is None else backfill,
        ),
        accepted_at=fired_at,
        payload=schedule_payload(nominal_time, configured_input=configured_input),
    )


def execution_of(start: TriggeredInput, *, run: TriggeredRun) -> Execution:
    """Return the identity of the execution: the same in every fact about it."""
    return Execution(
        id=run.execution_id,
        workspace=start.workspace,
        trigger_id=start.trigger_id,
        trigger_type=start.trigger_type,
        trigger_name=start.trigger_name,
        workflow_id=start.workflow_id,
        cause=run.cause,
        accepted_at=run.accepted_at,
    )
