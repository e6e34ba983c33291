"""Everything that the API offers: the routes, and the document at ``/openapi.json``."""

from importlib.metadata import version
from typing import Any, Final

from trigger_api.entrypoints.catalog import CatalogHandlers
from trigger_api.entrypoints.schedules import ScheduleHandlers, ScheduleRunHandlers
from trigger_api.entrypoints.trigger_actions import TriggerActionHandlers
from trigger_api.entrypoints.triggers import TriggerHandlers
from trigger_api.entrypoints.workflows import WorkflowHandlers
from trigger_contracts.config import EventConfig, ManualConfig, ScheduleConfig, WebhookConfig
from trigger_runtime.web.openapi import ApiInfo, document
from trigger_runtime.web.operations import operations_of

TITLE: Final = "FlowMaestro triggers: configuration"
_CONFIGS: Final = (ScheduleConfig, WebhookConfig, EventConfig, ManualConfig)
HANDLERS: Final = (
    WorkflowHandlers,
    TriggerHandlers,
    TriggerActionHandlers,
    ScheduleHandlers,
    ScheduleRunHandlers,
    CatalogHandlers,
)
"""In the order of the document."""


def api_document() -> dict[str, Any]:
    """Return the OpenAPI document."""
    info = ApiInfo(
        title=TITLE,
        version=version("trigger-api"),
        description=(
            "Workflows and triggers, kept as an event log. Fields may be added to answers; clients ignore "
            "those they do not know. Requests are closed: a field that does not exist is refused, with a "
            "JSON pointer. Everything belongs to the workspace of the token (claim `org`, else `sub`); "
            "what belongs to another workspace does not exist."
        ),
        tags={
            "Workflows": "What is run.",
            "Triggers": "What starts it.",
            "Schedules": "When it starts.",
        },
    )
    return document(info, operations=operations_of(*HANDLERS), extra=_CONFIGS, untagged=_CONFIGS)
