"""From what is stored to what the API shows."""

from datetime import datetime
from typing import Any

import msgspec

from trigger_api.domain.recorded import Recorded
from trigger_api.domain.trigger import TriggerEvent
from trigger_api.read_model import TriggerView, WorkflowView
from trigger_contracts.config import AnyTriggerConfig, TriggerType, trigger_type_of
from trigger_contracts.schedules import schedule_id


def config_document(config: AnyTriggerConfig) -> dict[str, Any]:
    """Return a configuration without its tag: the API says the type beside it."""
    document: dict[str, Any] = msgspec.to_builtins(config)
    del document["triggerType"]
    return document


def trigger_document(
    view: TriggerView, *, public_url: str, now: datetime, secret: str | None
) -> dict[str, Any]:
    """Return a trigger. ``secret`` is given only in the answer to the request that made it."""
    kind = trigger_type_of(view.config)
    is_webhook = kind is TriggerType.WEBHOOK
    is_schedule = kind is TriggerType.SCHEDULE
    return {
        "id": view.id,
        "workflowId": view.workflow_id,
        "name": view.name,
        "triggerType": kind.value,
        "enabled": view.enabled,
        "config": config_document(view.config),
        "version": view.version,
        "webhookUrl": f"{public_url.rstrip('/')}/api/webhooks/{view.id}" if is_webhook else None,
        "webhookSecret": secret,
        "temporalScheduleId": schedule_id(view.id) if is_schedule else None,
        "nextScheduledAt": view.next_scheduled_at(now),
        "scheduleError": view.activity.schedule_error,
        "lastTriggeredAt": view.activity.last_triggered_at,
        "triggerCount": view.activity.trigger_count,
        "createdAt": view.created_at,
        "updatedAt": view.updated_at,
    }


def workflow_document(view: WorkflowView) -> dict[str, Any]:
    """Return a workflow."""
    return {
        "id": view.id,
        "name": view.name,
        "definition": view.definition,
        "version": view.version,
        "createdAt": view.created_at,
        "updatedAt": view.updated_at,
    }


def event_document(recorded: Recorded[TriggerEvent]) -> dict[str, Any]:
    """Return an event of a trigger's history. Events name secrets by id and never hold one."""
    changes: dict[str, Any] = msgspec.to_builtins(recorded.event)
    kind = changes.pop("type")
    return {
        "version": recorded.version,
        "type": kind,
        "at": recorded.at,
        "actor": recorded.author.actor,
        "requestId": recorded.author.request_id,
        "changes": changes,
    }
