"""Everything that the API offers, as the document at ``/openapi.json``."""

from importlib.metadata import version
from typing import Any, Final

import msgspec

from execution_recorder.entrypoints.history import ExecutionHandlers, WebhookLogHandlers
from execution_recorder.entrypoints.webhook_rates import WebhookRateHandlers
from trigger_runtime.web.openapi import ApiInfo, document
from trigger_runtime.web.operations import operations_of

TITLE: Final = "FlowMaestro triggers: history"


def api_document() -> dict[str, Any]:
    """Return the OpenAPI document."""
    info = ApiInfo(
        title=TITLE,
        version=version("execution-recorder"),
        description=(
            "Every execution, and every webhook request with its response. Fields may be added to responses; "
            "clients ignore those they do not know. A query parameter that does not exist is refused. "
            "Everything belongs to the workspace of the token (claim `org`, else `sub`); what belongs to "
            "another workspace does not exist."
        ),
        tags={
            "Executions": "What ran.",
            "Webhook logs": "What was received, and the response.",
            "Webhook rates": "How many requests there were.",
        },
    )
    return document(
        info, operations=operations_of(ExecutionHandlers, WebhookLogHandlers, WebhookRateHandlers)
    )


def openapi() -> str:
    """Return the document, laid out for people and for diffs."""
    return msgspec.json.format(msgspec.json.encode(api_document(), order="sorted"), indent=1).decode()
