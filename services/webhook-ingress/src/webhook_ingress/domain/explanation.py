"""What the door would do with a sample, check by check: the same decisions, each of them asked."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from trigger_contracts.config import AuthType
from trigger_contracts.deliveries import AcceptedDelivery, RejectionReason
from trigger_contracts.webhook_config import OnUnreadableBody
from trigger_matching import Check, Outcome, all_checks, selection
from trigger_webhooks import is_allowed
from webhook_ingress.domain import idempotency
from webhook_ingress.domain.admission import Accepted, HandshakeReplied, Rejected, decide_admission
from webhook_ingress.domain.authentication import NotAuthentic, authenticate
from webhook_ingress.domain.delivery import RecordedRequest, accepted_delivery
from webhook_ingress.domain.request import ReceivedRequest, WebhookRequest
from webhook_ingress.domain.selection import left_out, payload_of
from webhook_ingress.domain.signed_request import SignedRequest
from webhook_ingress.domain.trigger import WebhookTrigger

_NO_ID = UUID(int=0)
_NOT_RECORDED = "The record has neither signatures nor credentials."


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """``payload`` is what the run would get."""

    would_run: bool
    checks: tuple[Check, ...]
    payload: dict[str, Any]


def explain(
    trigger: WebhookTrigger,
    *,
    request: WebhookRequest,
    body: bytes,
    now: datetime,
    public_url: str | None,
    longest_inline: int,
    is_recorded: bool,
) -> Explanation:
    """Return the verdict on a sample, and each check, also those behind the first that fails.

    Of a recorded request the sender is not asked: what would verify it is not on record.
    """
    signed = SignedRequest(
        request=request, body=body, now=now, tolerance=trigger.rules.tolerance, public_url=public_url
    )
    verdict = decide_admission(trigger, request=request, body=body, now=now, public_url=public_url)
    delivery = _delivery(trigger, request=request, body=body, now=now)
    payload = payload_of(delivery, longest_inline=longest_inline)
    checks = [
        *_opening(verdict),
        *_admission(trigger, signed=signed, verdict=verdict, is_recorded=is_recorded),
        *_selection(trigger, payload=payload),
    ]
    would_run = isinstance(verdict, Accepted) and not _is_left_out(
        trigger, delivery=delivery, longest_inline=longest_inline
    )
    if is_recorded:
        would_run = not any(check.outcome is Outcome.FAILED for check in checks)
    return Explanation(would_run=would_run, checks=tuple(checks), payload=payload)


def _opening(verdict: Accepted | Rejected | HandshakeReplied) -> Iterator[Check]:
    is_probe = isinstance(verdict, Rejected) and verdict.reason is RejectionReason.PROBE
    if is_probe or isinstance(verdict, HandshakeReplied):
        detail = "This only asks whether the address is there: it is answered, and starts nothing."
        yield Check(name="handshake", outcome=Outcome.FAILED, error=detail)


def _admission(
    trigger: WebhookTrigger,
    *,
    signed: SignedRequest,
    verdict: Accepted | Rejected | HandshakeReplied,
    is_recorded: bool,
) -> Iterator[Check]:
    config, rules, request = trigger.config, trigger.rules, signed.request
    option = rules.unsupported_option(public_url=signed.public_url)
    if option is not None:
        yield Check(name="options", outcome=Outcome.FAILED, error=f"This deployment cannot serve {option}.")
        return
    yield _check("enabled", is_right=trigger.enabled, expected=True, actual=trigger.enabled)
    if not rules.networks or request.client_address is None:
        yield _not_asked("allowedIps")
    else:
        address = request.client_address
        allowed = is_allowed(address, networks=rules.networks)
        yield _check("allowedIps", is_right=allowed, expected=config.allowed_ips, actual=address)
    yield _sender(trigger, signed=signed, verdict=verdict, is_recorded=is_recorded)
    method = config.method.value
    yield _check("method", is_right=request.method == method, expected=method, actual=request.method)
    origins = request.values("origin")
    if config.allowed_origins:
        admitted = rules.origins.admit(origins)
        yield _check("allowedOrigins", is_right=admitted, expected=config.allowed_origins, actual=origins)
    else:
        yield _not_asked("allowedOrigins")
    yield from _body(trigger, signed=signed)
    yield _not_asked("rateLimit")


def _sender(
    trigger: WebhookTrigger,
    *,
    signed: SignedRequest,
    verdict: Accepted | Rejected | HandshakeReplied,
    is_recorded: bool,
) -> Check:
    name = "provider" if trigger.config.provider is not None else "authType"
    if trigger.config.provider is None and trigger.config.auth_type is AuthType.NONE:
        return _not_asked(name)
    if is_recorded:
        return Check(name=name, outcome=Outcome.NOT_ASKED, error=_NOT_RECORDED)
    sender = authenticate(trigger, signed=signed)
    if isinstance(sender, NotAuthentic) and not isinstance(verdict, Accepted):
        detail = sender.detail or sender.reason.value
        return Check(name=name, outcome=Outcome.FAILED, error=detail)
    return Check(name=name, outcome=Outcome.PASSED)


def _body(trigger: WebhookTrigger, *, signed: SignedRequest) -> Iterator[Check]:
    rules = trigger.rules
    if trigger.config.on_unreadable_body is OnUnreadableBody.ACCEPT:
        yield _not_asked("onUnreadableBody")
    else:
        problem = signed.read_body(rules.reading).problem
        yield _check("onUnreadableBody", is_right=problem is None, expected=None, actual=problem)
    key = idempotency.key_of(signed, delivery_id=rules.delivery_id, reading=rules.reading)
    if isinstance(key, RejectionReason):
        yield Check(name="idempotencyKey", outcome=Outcome.FAILED, error="The value cannot be a key.")
    elif key is None:
        yield _not_asked("idempotencyKey")
    else:
        yield Check(name="idempotencyKey", outcome=Outcome.PASSED, actual=key)


def _selection(trigger: WebhookTrigger, *, payload: dict[str, Any]) -> tuple[Check, ...]:
    asked = trigger.selection
    if asked is None:
        return ()
    return all_checks(selection(payload, filters=asked.filters, condition=asked.condition))


def _is_left_out(trigger: WebhookTrigger, *, delivery: AcceptedDelivery, longest_inline: int) -> bool:
    asked = trigger.selection
    return asked is not None and left_out(asked, delivery=delivery, longest_inline=longest_inline) is not None


def _delivery(
    trigger: WebhookTrigger, *, request: WebhookRequest, body: bytes, now: datetime
) -> AcceptedDelivery:
    received = ReceivedRequest(request=request, received_at=now, begun=0.0)
    recorded = RecordedRequest(
        delivery_id=_NO_ID,
        received=received,
        body=body,
        processing_ms=0.0,
        response_status=202,
        response_body=b"",
    )
    verdict = Accepted(secret_id=None, idempotency_key=None)
    return accepted_delivery(recorded, trigger=trigger, verdict=verdict, execution_id=_NO_ID)


def _check(name: str, *, is_right: bool, expected: Any, actual: Any) -> Check:
    outcome = Outcome.PASSED if is_right else Outcome.FAILED
    return Check(name=name, outcome=outcome, expected=expected, actual=actual)


def _not_asked(name: str) -> Check:
    return Check(name=name, outcome=Outcome.NOT_ASKED)
