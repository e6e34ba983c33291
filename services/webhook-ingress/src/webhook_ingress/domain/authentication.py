"""Whether a request is who it claims to be. What is not listed here is refused."""

import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, assert_never
from uuid import UUID

from trigger_contracts.config import AuthType
from trigger_contracts.deliveries import RejectionReason
from webhook_ingress.domain.request import WebhookRequest
from webhook_ingress.domain.trigger import OpenedSecret, WebhookTrigger

API_KEY_HEADER: Final = "x-api-key"
SIGNATURE_HEADERS: Final = ("x-signature", "x-hub-signature-256", "x-webhook-signature")

# bytes.fromhex would accept spaces, int() other alphabets' digits: only this pattern counts.
_SIGNATURE: Final = re.compile(r"sha256=([0-9a-fA-F]{64})", re.ASCII)
_BEARER: Final = re.compile(r"bearer +(\S+)", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Authentic:
    """``secret_id`` is the secret that matched; ``None`` where none was needed."""

    secret_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NotAuthentic:
    """Why the sender is not believed."""

    reason: RejectionReason


def authenticate(
    trigger: WebhookTrigger, *, request: WebhookRequest, body: bytes, now: datetime
) -> Authentic | NotAuthentic:
    """Decide by the trigger's ``authType``; ``body`` is the exact bytes, which only ``hmac`` looks at."""
    auth_type = trigger.config.auth_type
    match auth_type:
        case AuthType.NONE:
            return Authentic()
        case AuthType.API_KEY:
            return _credential(trigger, presented=request.values(API_KEY_HEADER), now=now)
        case AuthType.BEARER:
            return _bearer(trigger, request=request, now=now)
        case AuthType.HMAC:
            return _signature(trigger, request=request, body=body, now=now)
        case _:
            assert_never(auth_type)


def _bearer(trigger: WebhookTrigger, *, request: WebhookRequest, now: datetime) -> Authentic | NotAuthentic:
    values = request.values("authorization")
    matches = [_BEARER.fullmatch(value) for value in values]
    if len(values) == 1 and matches[0] is None:
        return NotAuthentic(reason=RejectionReason.CREDENTIAL_MISSING)
    return _credential(trigger, presented=[match.group(1) if match else "" for match in matches], now=now)


def _credential(
    trigger: WebhookTrigger, *, presented: Sequence[str], now: datetime
) -> Authentic | NotAuthentic:
    if not presented:
        return NotAuthentic(reason=RejectionReason.CREDENTIAL_MISSING)
    if len(presented) != 1:
        # Which of two credentials another hop looked at is anyone's guess.
        return NotAuthentic(reason=RejectionReason.CREDENTIAL_INVALID)
    given = _bytes(presented[0])
    for secret in trigger.usable_secrets(now):
        if secret.value and hmac.compare_digest(given, secret.value):
            return Authentic(secret_id=secret.id)
    return _unmatched(trigger, now=now, otherwise=RejectionReason.CREDENTIAL_INVALID)


def _signature(
    trigger: WebhookTrigger, *, request: WebhookRequest, body: bytes, now: datetime
) -> Authentic | NotAuthentic:
    presented = [request.values(name) for name in SIGNATURE_HEADERS]
    if not any(presented):
        if not trigger.config.require_signature:
            return Authentic()
        return NotAuthentic(reason=RejectionReason.SIGNATURE_MISSING)
    claimed: list[bytes] = []
    for values in presented:
        matches = [_SIGNATURE.fullmatch(value) for value in values]
        if len(values) > 1 or None in matches:
            return NotAuthentic(reason=RejectionReason.SIGNATURE_INVALID)
        claimed += [match.group(1).lower().encode() for match in matches if match]
    for secret in trigger.usable_secrets(now):
        if _signed_by(secret, body=body, claimed=claimed):
            return Authentic(secret_id=secret.id)
    return _unmatched(trigger, now=now, otherwise=RejectionReason.SIGNATURE_INVALID)


def _signed_by(secret: OpenedSecret, *, body: bytes, claimed: Sequence[bytes]) -> bool:
    """Tell whether every claimed signature is this secret's: one good one does not cover for a bad one."""
    if not secret.value:
        return False
    expected = hmac.new(secret.value, body, hashlib.sha256).hexdigest().encode()
    return all(hmac.compare_digest(signature, expected) for signature in claimed)


def _unmatched(trigger: WebhookTrigger, *, now: datetime, otherwise: RejectionReason) -> NotAuthentic:
    """Blame the sender only where every secret could be looked at."""
    if trigger.unopened or not trigger.usable_secrets(now):
        return NotAuthentic(reason=RejectionReason.SECRET_UNAVAILABLE)
    return NotAuthentic(reason=otherwise)


def _bytes(header: str) -> bytes:
    return header.encode("utf-8", "surrogateescape")
