"""How verdicts look over HTTP."""

import re
from typing import Final
from uuid import UUID

import msgspec

from trigger_contracts.config import AuthType, ResponseFormat, WebhookConfig
from trigger_contracts.deliveries import RejectionReason
from trigger_runtime.web.problem import ProblemError, unavailable
from webhook_ingress.domain.admission import Accepted, HandshakeReplied, Rejected
from webhook_ingress.domain.handshake import Reply
from webhook_ingress.domain.hmac_scheme import hmac_scheme_of
from webhook_ingress.domain.rate_limit import Rate
from webhook_ingress.domain.request import WebhookRequest
from webhook_ingress.domain.sender_headers import api_key_header
from webhook_ingress.domain.trigger import WebhookTrigger
from webhook_ingress.entrypoints.custom_response import JSON, TEXT, customized
from webhook_ingress.ports import HttpResponse

_PROBLEM: Final = "application/problem+json"

_DETAILS: Final = {
    RejectionReason.UNKNOWN_TRIGGER: "There is no webhook at this address.",
    RejectionReason.TRIGGER_DISABLED: "This webhook is switched off.",
    RejectionReason.SIGNATURE_MISSING: "Sign the request as this webhook asks for.",
    RejectionReason.SIGNATURE_INVALID: "The signature does not belong to this request.",
    RejectionReason.CREDENTIAL_MISSING: "Send the webhook's credential.",
    RejectionReason.CREDENTIAL_INVALID: "The credential is not this webhook's.",
    RejectionReason.SECRET_UNAVAILABLE: "The request cannot be verified at the moment.",
    RejectionReason.NOT_SUPPORTED: "The webhook has an option that cannot be served.",
    RejectionReason.TIMESTAMP_INVALID: "The time of the request is missing, malformed or too far from now.",
    RejectionReason.IP_NOT_ALLOWED: "This webhook does not take requests from this address.",
    RejectionReason.METHOD_NOT_ALLOWED: "This webhook takes another method.",
    RejectionReason.ORIGIN_NOT_ALLOWED: "This webhook does not take requests from this origin.",
    RejectionReason.BODY_TOO_LARGE: "The request is over the size limit.",
    RejectionReason.BODY_INCOMPLETE: "The request body did not arrive whole, and in time.",
    RejectionReason.BODY_UNREADABLE: (
        "The body is not what its Content-Type or Content-Encoding says, and this webhook takes no such body."
    ),
    RejectionReason.MALFORMED_REQUEST: (
        "Send Idempotency-Key, or what stands for it, once, with 1 to 255 printable ASCII characters."
    ),
    RejectionReason.RATE_LIMITED: "This webhook gets more requests than it takes.",
    RejectionReason.HANDSHAKE: "The address has been confirmed.",
    RejectionReason.PROBE: "There is a webhook at this address.",
    RejectionReason.PATH_UNKNOWN: "There is no webhook at this address.",
    RejectionReason.TRIGGER_DELETED: "There is no webhook at this address.",
    RejectionReason.REPEATED: "The delivery was accepted before.",
    RejectionReason.FILTERED: "The webhook takes other deliveries.",
    RejectionReason.CONDITION_FAILED: "The webhook's condition says nothing of this delivery.",
}
_CHALLENGES: Final = {
    AuthType.BEARER: 'Bearer realm="webhook"',
    AuthType.BASIC: 'Basic realm="webhook", charset="UTF-8"',
}
_EXPOSED: Final = "X-Execution-Id, X-Request-Id, Retry-After, RateLimit, RateLimit-Policy"
_PREFLIGHT_SECONDS: Final = "600"
_MENDING_SECONDS: Final = "60"
"""When to try again where a person has to correct something first."""
_encoder: Final = msgspec.json.Encoder()
_HEADER_NAMES: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~, -]{1,1000}", re.ASCII)


class WebhookStarted(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An execution starts."""

    success: bool = True
    execution_id: UUID
    message: str = "Workflow execution started"


class WebhookFiltered(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The trigger's filters or expression leave the delivery out; nothing starts."""

    success: bool = True
    filtered: bool = True


class WebhookProbed(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The trigger responds to probes."""

    success: bool = True
    message: str = "The webhook is there; nothing was started"


class WebhookIgnored(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The trigger is switched off, and set to ignore what comes."""

    success: bool = True
    message: str = "The webhook is switched off; nothing was started"


class ResponseRenderer:
    """Renders every response of the webhook route."""

    def accepted(
        self,
        request: WebhookRequest,
        *,
        trigger: WebhookTrigger,
        execution_id: UUID,
        verdict: Accepted,
        rate: Rate | None,
    ) -> HttpResponse:
        """Return the trigger's own response, else its provider's acknowledgement, else the 202."""
        fields = (
            ("X-Execution-Id", str(execution_id)),
            *_rate_fields(rate).items(),
            *_common(request, trigger=trigger),
        )
        if verdict.acknowledgement is not None:
            usual = _of_reply(verdict.acknowledgement, fields=fields)
        else:
            preset, as_text = trigger.rules.preset, trigger.config.response_format is ResponseFormat.TEXT
            usual = HttpResponse(
                status=202 if preset is None else preset.acknowledgement.status,
                headers=fields,
                body=b"OK" if as_text else _encoder.encode(WebhookStarted(execution_id=execution_id)),
                content_type=TEXT if as_text else JSON,
            )
        return customized(usual, config=trigger.config)

    def left_out(
        self,
        request: WebhookRequest,
        *,
        trigger: WebhookTrigger,
        verdict: Accepted,
        rate: Rate | None,
    ) -> HttpResponse:
        """Return a 200: its sender did nothing wrong, and need not send again.

        A provider that reads the body gets the one that it reads, and the trigger's own response wins.
        """
        fields = (*_rate_fields(rate).items(), *_common(request, trigger=trigger))
        if verdict.acknowledgement is not None:
            usual = _of_reply(verdict.acknowledgement, fields=fields)
        else:
            as_text = trigger.config.response_format is ResponseFormat.TEXT
            usual = HttpResponse(
                status=200,
                headers=fields,
                body=b"OK" if as_text else _encoder.encode(WebhookFiltered()),
                content_type=TEXT if as_text else JSON,
            )
        response = customized(usual, config=trigger.config)
        # A 202 is a promise, and here is none.
        return msgspec.structs.replace(response, status=200) if response.status == 202 else response

    def handshake(
        self, request: WebhookRequest, *, trigger: WebhookTrigger, verdict: HandshakeReplied
    ) -> HttpResponse:
        """Return what the provider asked to hear."""
        return _of_reply(verdict.reply, fields=_common(request, trigger=trigger))

    def refused(
        self,
        request: WebhookRequest,
        *,
        trigger: WebhookTrigger | None,
        verdict: Rejected,
        rate: Rate | None,
    ) -> HttpResponse:
        """Return the refusal, with what its status demands: a challenge, methods, or when to repeat it."""
        reason = verdict.reason
        if trigger is not None and reason is RejectionReason.PROBE:
            return HttpResponse(
                status=verdict.status,
                headers=_common(request, trigger=trigger),
                body=_encoder.encode(WebhookProbed()),
                content_type=JSON,
            )
        if trigger is not None and verdict.status < 400:
            return _ignored(request, trigger=trigger)
        headers = _rate_fields(rate)
        if trigger is not None and verdict.status == 401:
            headers["WWW-Authenticate"] = _challenge(trigger.config)
        if trigger is not None and verdict.status == 405:
            headers["Allow"] = trigger.config.method.value
        if verdict.status == 503:
            headers["Retry-After"] = _MENDING_SECONDS
        problem = ProblemError(
            verdict.status, code=reason.value, detail=verdict.detail or _DETAILS[reason], headers=headers
        )
        return _problem(problem, request=request, trigger=trigger, extra={"rejectionReason": reason.value})

    def unavailable(
        self, request: WebhookRequest, *, trigger: WebhookTrigger | None, detail: str
    ) -> HttpResponse:
        """Return the 503 that asks to try again."""
        return _problem(unavailable(detail), request=request, trigger=trigger, extra={})

    def preflight(self, request: WebhookRequest, *, trigger: WebhookTrigger | None) -> HttpResponse:
        """Return the 204: with permissions where the trigger admits the origin, else neutral.

        Never with ``Access-Control-Allow-Credentials``: a browser's cookies mean nothing here.
        """
        vary = ("Vary", "Origin, Access-Control-Request-Method, Access-Control-Request-Headers")
        origin = _readable_by(request, trigger=trigger)
        if trigger is None or origin is None:
            return HttpResponse(status=204, headers=(vary,))
        asked = ", ".join(request.values("access-control-request-headers"))
        allowed_headers = (("Access-Control-Allow-Headers", asked),) if _HEADER_NAMES.fullmatch(asked) else ()
        return HttpResponse(
            status=204,
            headers=(
                vary,
                ("Access-Control-Allow-Origin", origin),
                ("Access-Control-Allow-Methods", trigger.config.method.value),
                ("Access-Control-Max-Age", _PREFLIGHT_SECONDS),
                *allowed_headers,
            ),
        )


def _of_reply(reply: Reply, *, fields: tuple[tuple[str, str], ...]) -> HttpResponse:
    plain = TEXT if reply.body else ""
    return HttpResponse(
        status=reply.status,
        headers=(*reply.headers, *fields),
        body=reply.body,
        content_type=plain if reply.content_type is None else reply.content_type,
    )


def _problem(
    problem: ProblemError,
    *,
    request: WebhookRequest,
    trigger: WebhookTrigger | None,
    extra: dict[str, str],
) -> HttpResponse:
    return HttpResponse(
        status=problem.status,
        headers=(*problem.headers.items(), *_common(request, trigger=trigger)),
        body=problem.document(request_id=request.request_id, extra=extra),
        content_type=_PROBLEM,
    )


def _ignored(request: WebhookRequest, *, trigger: WebhookTrigger) -> HttpResponse:
    """Return the 200 of a trigger that is switched off and must not lose its sender.

    A provider that reads the body gets the one that it reads; Discord's depends on what it asks.
    """
    preset = trigger.rules.preset
    if preset is not None and isinstance(preset.acknowledgement.reply, Reply):
        return _of_reply(preset.acknowledgement.reply, fields=_common(request, trigger=trigger))
    as_text = trigger.config.response_format is ResponseFormat.TEXT
    return HttpResponse(
        status=200,
        headers=_common(request, trigger=trigger),
        body=b"OK" if as_text else msgspec.json.encode(WebhookIgnored()),
        content_type=TEXT if as_text else JSON,
    )


def _challenge(config: WebhookConfig) -> str:
    """Return the 401's ``WWW-Authenticate``: it says where the proof belongs, and nothing of the secret."""
    if config.provider is not None:
        return f'Webhook realm="webhook", provider="{config.provider}"'
    if config.auth_type is AuthType.HMAC:
        scheme = hmac_scheme_of(config)
        return f'HMAC-{config.algorithm.upper()} realm="webhook", headers="{" ".join(scheme.headers)}"'
    if config.auth_type is AuthType.API_KEY:
        return f'ApiKey realm="webhook", header="{api_key_header(config)}"'
    return _CHALLENGES.get(config.auth_type, 'Webhook realm="webhook"')


def _rate_fields(rate: Rate | None) -> dict[str, str]:
    """Return the fields of draft-ietf-httpapi-ratelimit-headers-10, and ``Retry-After`` where it is over."""
    if rate is None:
        return {}
    fields = {
        "RateLimit-Policy": f'"webhook";q={rate.limit.requests};w={rate.limit.per_seconds}',
        "RateLimit": f'"webhook";r={rate.remaining};t={rate.reset_after}',
    }
    return {**fields, "Retry-After": str(rate.retry_after)} if rate.is_exceeded else fields


def _common(request: WebhookRequest, *, trigger: WebhookTrigger | None) -> tuple[tuple[str, str], ...]:
    always = (("Cache-Control", "no-store"), ("Vary", "Origin"), ("X-Content-Type-Options", "nosniff"))
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
    return trigger.rules.origins.readable_by(request.values("origin"))
