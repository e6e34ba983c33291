"""The OpenAPI document. The operations are not aiohttp handlers, so it is said here what they offer."""

from http import HTTPStatus
from importlib.metadata import version
from typing import Any, Final

from aiohttp import web

from trigger_contracts.config import HttpMethod
from trigger_contracts.deliveries import RejectionReason
from trigger_runtime.web.application import json_response
from trigger_runtime.web.openapi import ApiInfo, document
from trigger_runtime.web.operations import Body, Operation, Success
from trigger_runtime.web.parameters import Parameter
from trigger_runtime.web.problem import ProblemDocument
from webhook_ingress.domain.admission import rejected
from webhook_ingress.entrypoints.response_renderer import (
    WebhookFiltered,
    WebhookIgnored,
    WebhookProbed,
    WebhookStarted,
)
from webhook_ingress.entrypoints.webhook_endpoint import ROUTE

_TAG: Final = "Webhooks"
_ALWAYS: Final = {HTTPStatus.OK, HTTPStatus.ACCEPTED, HTTPStatus.SERVICE_UNAVAILABLE}
_STATUSES: Final = {rejected(reason).status for reason in RejectionReason} | {HTTPStatus.REQUEST_TIMEOUT}
_ERRORS: Final = tuple(sorted(int(status) for status in _STATUSES - _ALWAYS))
_WITH_BODY: Final = frozenset({HttpMethod.POST, HttpMethod.PUT, HttpMethod.PATCH, HttpMethod.DELETE})
_TRIGGER_ID: Final = Parameter(
    name="triggerId",
    where="path",
    schema={"type": "string", "format": "uuid"},
    description="The trigger's id.",
    required=True,
)
_IDEMPOTENCY_KEY: Final = Parameter(
    name="Idempotency-Key",
    where="header",
    schema={"type": "string", "minLength": 1, "maxLength": 255},
    description="Requests to a trigger with the same key start one execution.",
)
_DESCRIPTION: Final = (
    "A trigger takes one method and says how its senders prove themselves. The body is verified and kept as "
    "it came. A refusal says why in `rejectionReason` (see `WebhookProblem`): "
    + ", ".join(
        f"`{reason}` ({rejected(reason).status})"
        for reason in RejectionReason
        if rejected(reason).status >= HTTPStatus.BAD_REQUEST
    )
    + ". A body that comes too slowly is a 408."
)


class WebhookProblem(ProblemDocument, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A refusal of a request to a webhook. It is on record with the same reason."""

    rejection_reason: RejectionReason


def api_document() -> dict[str, Any]:
    """Return the document: one operation for each method that a trigger may take, and the preflight."""
    info = ApiInfo(
        title="FlowMaestro triggers: webhooks",
        version=version("webhook-ingress"),
        description=(
            "Starts a workflow execution for each request that a webhook trigger takes. The response comes "
            "once the request is stored: a sender that gets a 202 need not repeat it."
        ),
        tags={_TAG: "What other systems send."},
    )
    return document(
        info,
        operations=[*map(_receive, HttpMethod), _PREFLIGHT],
        extra=(WebhookFiltered, WebhookIgnored, WebhookProbed, WebhookProblem),
    )


async def show_document(_request: web.Request) -> web.Response:
    """Return it over HTTP."""
    return json_response(api_document())


def _receive(method: HttpMethod) -> Operation:
    name = method.value.capitalize()
    return _operation(
        f"receiveWebhook{name}",
        method=method.value,
        summary=f"Send a request by {method.value} to a webhook",
        description=_DESCRIPTION,
        parameters=(_TRIGGER_ID, _IDEMPOTENCY_KEY),
        body=Body(kinds=(), media_types=("*/*",)) if method in _WITH_BODY else None,
        successes=(
            Success(
                status=202,
                description=(
                    "Stored; the execution starts. A trigger may have a response of its own instead, and a "
                    "provider one that it takes for success (docs/providers.md). `X-Execution-Id` is on each."
                ),
                kind=None if method is HttpMethod.HEAD else WebhookStarted,
                headers={"X-Execution-Id": "The id of the execution that starts."},
            ),
            Success(
                status=200,
                description=(
                    "Nothing starts: a handshake of a provider, a trigger that is off, or a delivery "
                    "that its filters or expression leave out (`filtered`). "
                    "With `X-Execution-Id` it is an acknowledgement, and the execution starts."
                ),
            ),
        ),
        errors=_ERRORS,
    )


def _operation(
    identity: str,
    *,
    method: str,
    summary: str,
    description: str,
    parameters: tuple[Parameter, ...],
    body: Body | None,
    successes: tuple[Success, ...],
    errors: tuple[int, ...],
) -> Operation:
    return Operation(
        id=identity,
        method=method,
        path=ROUTE,
        scope=None,
        tag=_TAG,
        summary=summary,
        description=description,
        parameters=parameters,
        body=body,
        successes=successes,
        errors=errors,
        arguments={},
        takes=frozenset(),
        handler="",
    )


_PREFLIGHT: Final = _operation(
    "askWebhook",
    method="OPTIONS",
    summary="Ask what a browser may send to a webhook",
    description="The preflight of a request across origins. It starts nothing and leaves no record.",
    parameters=(_TRIGGER_ID,),
    body=None,
    successes=(
        Success(status=204, description="With `Access-Control-…` fields where the origin is allowed."),
    ),
    errors=(405,),
)
