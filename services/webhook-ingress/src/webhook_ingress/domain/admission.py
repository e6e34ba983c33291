"""Whether a request starts a workflow: exists, enabled, authentic, method, origin, in this order."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from trigger_contracts.config import AuthType
from trigger_contracts.deliveries import RejectionReason
from webhook_ingress.domain import origins
from webhook_ingress.domain.authentication import NotAuthentic, authenticate
from webhook_ingress.domain.request import Body, BodyTrouble, WebhookRequest
from webhook_ingress.domain.trigger import WebhookTrigger

_STATUS: Final = {
    RejectionReason.UNKNOWN_TRIGGER: 404,
    RejectionReason.TRIGGER_DISABLED: 403,
    RejectionReason.SIGNATURE_MISSING: 401,
    RejectionReason.SIGNATURE_INVALID: 401,
    RejectionReason.CREDENTIAL_MISSING: 401,
    RejectionReason.CREDENTIAL_INVALID: 401,
    # Ours to mend: senders repeat a 503, and give an address up after enough 401s.
    RejectionReason.SECRET_UNAVAILABLE: 503,
    RejectionReason.METHOD_NOT_ALLOWED: 405,
    RejectionReason.ORIGIN_NOT_ALLOWED: 403,
    RejectionReason.BODY_TOO_LARGE: 413,
    RejectionReason.BODY_INCOMPLETE: 400,
    RejectionReason.MALFORMED_REQUEST: 400,
}
_IDEMPOTENCY_KEY: Final = re.compile(r"[\x20-\x7e]{1,255}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """``secret_id`` is the secret that matched; ``idempotency_key`` is the caller's."""

    secret_id: UUID | None
    idempotency_key: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """The reason, and the HTTP status that tells it."""

    reason: RejectionReason
    status: int


def rejected(reason: RejectionReason) -> Rejected:
    """Return the refusal with its usual status."""
    return Rejected(reason=reason, status=_STATUS[reason])


def decide_admission(
    trigger: WebhookTrigger | None, *, request: WebhookRequest, body: Body, now: datetime
) -> Accepted | Rejected:
    """Return the verdict.

    A body that could not be read refuses the request where it is first needed: to verify a
    signature, else after all other checks.
    """
    if trigger is None:
        return rejected(RejectionReason.UNKNOWN_TRIGGER)
    config = trigger.config
    if not trigger.enabled:
        return rejected(RejectionReason.TRIGGER_DISABLED)
    if config.auth_type is AuthType.HMAC and isinstance(body, BodyTrouble):
        return _unreadable(body)
    proof = authenticate(
        trigger, request=request, body=b"" if isinstance(body, BodyTrouble) else body, now=now
    )
    if isinstance(proof, NotAuthentic):
        return rejected(proof.reason)
    # A HEAD is never a GET here: link previews and monitors must not start runs.
    if request.method != config.method:
        return rejected(RejectionReason.METHOD_NOT_ALLOWED)
    if not origins.are_allowed(request.values("origin"), allowed=config.allowed_origins):
        return rejected(RejectionReason.ORIGIN_NOT_ALLOWED)
    if isinstance(body, BodyTrouble):
        return _unreadable(body)
    keys = request.values("idempotency-key")
    if len(keys) > 1 or not all(_IDEMPOTENCY_KEY.fullmatch(key) for key in keys):
        return rejected(RejectionReason.MALFORMED_REQUEST)
    return Accepted(secret_id=proof.secret_id, idempotency_key=keys[0] if keys else None)


def _unreadable(trouble: BodyTrouble) -> Rejected:
    match trouble:
        case BodyTrouble.TOO_LARGE:
            return rejected(RejectionReason.BODY_TOO_LARGE)
        case BodyTrouble.INCOMPLETE:
            return rejected(RejectionReason.BODY_INCOMPLETE)
        case BodyTrouble.TOO_SLOW:
            return Rejected(reason=RejectionReason.BODY_INCOMPLETE, status=408)
