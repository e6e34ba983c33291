"""Everything that the API offers: the routes, and the document at ``/openapi.json``."""

from importlib.metadata import version
from typing import Any, Final

from trigger_api.entrypoints.catalog import CatalogHandlers
from trigger_api.entrypoints.declared import Operation
from trigger_api.entrypoints.schedule_operations import schedule_operations
from trigger_api.entrypoints.schedule_run_routes import ScheduleRunRoutes
from trigger_api.entrypoints.schedules import ScheduleHandlers
from trigger_api.entrypoints.trigger_action_operations import trigger_action_operations
from trigger_api.entrypoints.trigger_action_routes import TriggerActionRoutes
from trigger_api.entrypoints.trigger_operations import trigger_operations
from trigger_api.entrypoints.trigger_routes import TriggerRoutes
from trigger_api.entrypoints.triggers import TriggerHandlers
from trigger_api.entrypoints.workflow_operations import workflow_operations
from trigger_api.entrypoints.workflow_routes import WorkflowRoutes
from trigger_api.entrypoints.workflows import WorkflowHandlers
from trigger_contracts.config import EventConfig, ManualConfig, ScheduleConfig, WebhookConfig
from trigger_runtime.web.openapi import ApiInfo, document
from trigger_runtime.web.operations import operations_of

TITLE: Final = "FlowMaestro triggers: configuration"
_CONFIGS: Final = (ScheduleConfig, WebhookConfig, EventConfig, ManualConfig)


HANDLERS: Final = (TriggerHandlers, WorkflowHandlers, ScheduleHandlers, CatalogHandlers)


def operations(
    *,
    triggers: TriggerRoutes,
    actions: TriggerActionRoutes,
    workflows: WorkflowRoutes,
    schedule_runs: ScheduleRunRoutes,
) -> list[Operation]:
    """Return the registry of what is not declared yet."""
    return [
        *workflow_operations(workflows),
        *trigger_operations(triggers),
        *trigger_action_operations(actions),
        *schedule_operations(schedule_runs),
    ]


def api_document(found: list[Operation]) -> dict[str, Any]:
    """Return the OpenAPI document of a registry."""
    info = ApiInfo(
        title=TITLE,
        version=version("trigger-api"),
        description=(
            "Workflows and triggers, kept as an event log. Fields may be added to answers; clients ignore "
            "those they do not know. Requests are closed: a field that does not exist is refused, with a "
            "JSON pointer. Everything belongs to the workspace of the token (claim `org`, else `sub`); "
            "what is somebody else's does not exist."
        ),
        tags={
            "Workflows": "What is run.",
            "Triggers": "What starts it.",
            "Schedules": "When it starts.",
        },
    )
    offered = [*operations_of(*HANDLERS), *(one.declared() for one in found)]
    return document(info, operations=offered, extra=_CONFIGS, untagged=_CONFIGS)
