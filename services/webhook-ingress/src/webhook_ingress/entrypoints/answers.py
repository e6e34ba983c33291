"""How verdicts look over HTTP."""

import re
from typing import Final
from uuid import UUID

import msgspec

from trigger_contracts.config import AuthType, ResponseFormat
from trigger_contracts.deliveries import RejectionReason
from trigger_runtime.web.problem import ProblemError, unavailable
from webhook_ingress.domain import origins
from webhook_ingress.domain.admission import Rejected
from webhook_ingress.domain.answer import Answer
from webhook_ingress.domain.authentication import SIGNATURE_HEADERS
from webhook_ingress.domain.request import WebhookRequest
from webhook_ingress.domain.trigger import WebhookTrigger

_JSON: Final = "application/json"
_TEXT: Final = "text/plain"
_PROBLEM: Final = "application/problem+json"

_DETAILS: Final = {
    RejectionReason.UNKNOWN_TRIGGER: "There is no webhook at this address.",
    RejectionReason.TRIGGER_DISABLED: "This webhook is switched off.",
    RejectionReason.SIGNATURE_MISSING: "Sign the request body: X-Signature: sha256=<hex HMAC-SHA256>.",
    RejectionReason.SIGNATURE_INVALID: "The signature does not belong to this body.",
    RejectionReason.CREDENTIAL_MISSING: "Send the webhook's credential.",
    RejectionReason.CREDENTIAL_INVALID: "The credential is not this webhook's.",
    RejectionReason.SECRET_UNAVAILABLE: "The request cannot be verified at the moment.",
    RejectionReason.METHOD_NOT_ALLOWED: "This webhook takes another method.",
    RejectionReason.ORIGIN_NOT_ALLOWED: "This webhook does not take requests from this origin.",
    RejectionReason.BODY_TOO_LARGE: "The request is over the size limit.",
    RejectionReason.BODY_INCOMPLETE: "The request body did not arrive whole, and in time.",
    RejectionReason.MALFORMED_REQUEST: "Send Idempotency-Key once, with 1 to 255 printable ASCII characters.",
}
_CHALLENGES: Final = {
    AuthType.API_KEY: 'ApiKey realm="webhook", header="X-API-Key"',
    AuthType.BEARER: 'Bearer realm="webhook"',
    AuthType.HMAC: f'HMAC-SHA256 realm="webhook", headers="{" ".join(SIGNATURE_HEADERS)}"',
}
_EXPOSED: Final = "X-Execution-Id, X-Request-Id, Retry-After"
_PREFLIGHT_SECONDS: Final = "600"
_MENDING_SECONDS: Final = "60"
"""When to try again where somebody has to set something right first."""
_HEADER_NAMES: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~, -]{1,1000}", re.ASCII)


class _Started(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    success: bool = True
    execution_id: UUID
    message: str = "Workflow execution started"


class HttpAnswers:
    """Renders every answer of the webhook route."""

    def accepted(self, request: WebhookRequest, *, trigger: WebhookTrigger, execution_id: UUID) -> Answer:
        """Return the 202."""
        as_text = trigger.config.response_format is ResponseFormat.TEXT
        return Answer(
            status=202,
            headers=(("X-Execution-Id", str(execution_id)), *_common(request, trigger=trigger)),
            body=b"OK" if as_text else msgspec.json.encode(_Started(execution_id=execution_id)),
            content_type=_TEXT if as_text else _JSON,
        )

    def refused(
        self, request: WebhookRequest, *, trigger: WebhookTrigger | None, verdict: Rejected
    ) -> Answer:
        """Return the refusal, with what its status demands: a challenge, methods, or when to repeat it."""
        reason = verdict.reason
        headers: dict[str, str] = {}
        if trigger is not None and verdict.status == 401:
            headers["WWW-Authenticate"] = _CHALLENGES[trigger.config.auth_type]
        if trigger is not None and verdict.status == 405:
            headers["Allow"] = trigger.config.method.value
        if verdict.status == 503:
            headers["Retry-After"] = _MENDING_SECONDS
        problem = ProblemError(verdict.status, code=reason.value, detail=_DETAILS[reason], headers=headers)
        return _problem(problem, request=request, trigger=trigger, extra={"rejectionReason": reason.value})

    def unavailable(self, request: WebhookRequest, *, trigger: WebhookTrigger | None, detail: str) -> Answer:
        """Return the 503 that asks to try again."""
        return _problem(unavailable(detail), request=request, trigger=trigger, extra={})

    def preflight(self, request: WebhookRequest, *, trigger: WebhookTrigger | None) -> Answer:
        """Return the 204: with permissions where the trigger admits the origin, else neutral.

        Never with ``Access-Control-Allow-Credentials``: a browser's cookies mean nothing here.
        """
        vary = ("Vary", "Origin, Access-Control-Request-Method, Access-Control-Request-Headers")
        origin = _readable_by(request, trigger=trigger)
        if trigger is None or origin is None:
            return Answer(status=204, headers=(vary,))
        asked = ", ".join(request.values("access-control-request-headers"))
        wanted = (("Access-Control-Allow-Headers", asked),) if _HEADER_NAMES.fullmatch(asked) else ()
        return Answer(
            status=204,
            headers=(
                vary,
                ("Access-Control-Allow-Origin", origin),
                ("Access-Control-Allow-Methods", trigger.config.method.value),
                ("Access-Control-Max-Age", _PREFLIGHT_SECONDS),
                *wanted,
            ),
        )


def _problem(
    problem: ProblemError,
    *,
    request: WebhookRequest,
    trigger: WebhookTrigger | None,
    extra: dict[str, str],
) -> Answer:
    return Answer(
        status=problem.status,
        headers=(*problem.headers.items(), *_common(request, trigger=trigger)),
        body=problem.document(request_id=request.request_id, extra=extra),
        content_type=_PROBLEM,
    )


def _common(request: WebhookRequest, *, trigger: WebhookTrigger | None) -> tuple[tuple[str, str], ...]:
    always = (("Cache-Control", "no-store"), ("Vary", "Origin"))
    origin = _readable_by(request, trigger=trigger)
    if origin is None:
        return always
    return (
        *always,
        ("Access-Control-Allow-Origin", origin),
        ("Access-Control-Expose-Headers", _EXPOSED),
    )


def _readable_by(request: WebhookRequest, *, trigger: WebhookTrigger | None) -> str | None:
    if trigger is None:
        return None
    return origins.readable_by(request.values("origin"), allowed=trigger.config.allowed_origins)
