"""From a message to the start of an execution: who it is and what it is given."""

from dataclasses import dataclass
from datetime import datetime

from orchestrator_worker.domain.payload import (
    delivery_payload,
    event_payload,
    manual_payload,
    rfc3339,
    schedule_payload,
)
from trigger_contracts import ids
from trigger_contracts.config import TriggerState, TriggerType
from trigger_contracts.deliveries import AcceptedDelivery
from trigger_contracts.events import CloudEvent
from trigger_contracts.executions import Cause, CauseKind, Execution
from trigger_contracts.firings import ManualFiring
from trigger_contracts.workflow_io import TriggeredInput, TriggeredRun


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """An execution that is to be started, and the input of its workflow.

    ``request_id`` is the HTTP request's behind it, for the log; ``None`` where there was none.
    """

    execution: Execution
    input: TriggeredInput
    request_id: str | None = None


def delivery_start(delivery: AcceptedDelivery) -> Start:
    """Return the start of a webhook's execution."""
    run = TriggeredRun(
        execution_id=delivery.execution_id,
        cause=Cause(kind=CauseKind.DELIVERY, id=str(delivery.id)),
        accepted_at=delivery.received_at,
        payload=delivery_payload(delivery),
    )
    given = TriggeredInput(
        workspace=delivery.workspace,
        trigger_id=delivery.trigger_id,
        trigger_type=TriggerType.WEBHOOK,
        trigger_name=delivery.trigger_name or "",
        workflow_id=delivery.workflow_id,
        run=run,
    )
    return Start(execution=execution_of(given, run=run), input=given, request_id=delivery.request_id)


def event_start(trigger: TriggerState, *, event: CloudEvent, stored_at: datetime) -> Start:
    """Return the start of one trigger's execution for an event that the bus stored at ``stored_at``."""
    run = TriggeredRun(
        execution_id=ids.event_execution_id(trigger.id, source=event.source, event_id=event.id),
        cause=Cause(kind=CauseKind.EVENT, id=event.id),
        accepted_at=stored_at,
        payload=event_payload(event),
    )
    given = TriggeredInput(
        workspace=trigger.workspace,
        trigger_id=trigger.id,
        trigger_type=TriggerType.EVENT,
        trigger_name=trigger.name,
        workflow_id=trigger.workflow_id,
        run=run,
    )
    return Start(execution=execution_of(given, run=run), input=given)


def manual_start(firing: ManualFiring) -> Start:
    """Return the start of an execution that somebody asked for."""
    run = TriggeredRun(
        execution_id=firing.execution_id,
        cause=Cause(kind=CauseKind.MANUAL, id=firing.request_id),
        accepted_at=firing.requested_at,
        payload=manual_payload(firing),
    )
    given = TriggeredInput(
        workspace=firing.workspace,
        trigger_id=firing.trigger_id,
        trigger_type=firing.trigger_type,
        trigger_name=firing.trigger_name,
        workflow_id=firing.workflow_id,
        run=run,
    )
    return Start(execution=execution_of(given, run=run), input=given, request_id=firing.request_id)


def fired_run(start: TriggeredInput, *, nominal_time: datetime, fired_at: datetime) -> TriggeredRun:
    """Return the run of a schedule's fire, whose identity and payload follow from the nominal time."""
    return TriggeredRun(
        execution_id=ids.fire_execution_id(start.trigger_id, nominal_time=nominal_time),
        cause=Cause(kind=CauseKind.SCHEDULE, id=rfc3339(nominal_time)),
        accepted_at=fired_at,
        payload=schedule_payload(nominal_time, given=start.scheduled.input if start.scheduled else None),
    )


def execution_of(start: TriggeredInput, *, run: TriggeredRun) -> Execution:
    """Return who the execution is: the same in every fact about it."""
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
