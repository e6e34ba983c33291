"""Whether the sender of a request is authentic. What is not listed here is refused."""

import hmac
import re
from collections.abc import Sequence
from typing import Final, assert_never
from uuid import UUID

import msgspec

from trigger_contracts.config import AuthType
from trigger_contracts.deliveries import RejectionReason
from webhook_ingress.domain.signed_request import SignatureCheck, SignedRequest, raw
from webhook_ingress.domain.trigger import WebhookTrigger

API_KEY_HEADER: Final = "x-api-key"

_BEARER: Final = re.compile(r"bearer +(\S+)", re.ASCII | re.IGNORECASE)


class Authentic(msgspec.Struct, frozen=True, kw_only=True):
    """``secret_id`` is the secret that matched; ``None`` where none was needed."""

    secret_id: UUID | None = None


class NotAuthentic(msgspec.Struct, frozen=True, kw_only=True):
    """Why the sender is not believed."""

    reason: RejectionReason


def authenticate(trigger: WebhookTrigger, *, signed: SignedRequest) -> Authentic | NotAuthentic:
    """Decide by the scheme of the trigger's provider or options, or else by its ``authType``."""
    if trigger.rules.scheme is not None:
        return _signature(trigger, check=trigger.rules.scheme(signed), signed=signed)
    if trigger.config.provider is not None:
        return NotAuthentic(reason=RejectionReason.NOT_SUPPORTED)
    auth_type = trigger.config.auth_type
    match auth_type:
        case AuthType.NONE:
            return Authentic()
        case AuthType.API_KEY:
            return _credential(trigger, presented=signed.request.values(API_KEY_HEADER), signed=signed)
        case AuthType.BEARER:
            return _bearer(trigger, signed=signed)
        case AuthType.HMAC | AuthType.BASIC:
            return NotAuthentic(reason=RejectionReason.NOT_SUPPORTED)
        case _:
            assert_never(auth_type)


def _signature(
    trigger: WebhookTrigger, *, check: SignatureCheck, signed: SignedRequest
) -> Authentic | NotAuthentic:
    config = trigger.config
    unsigned = check is RejectionReason.SIGNATURE_MISSING
    if unsigned and config.provider is None and not config.require_signature:
        # A trigger without its secret refuses all: it could not recognise a wrong signature either.
        if trigger.usable_secrets(signed.now):
            return Authentic()
        return NotAuthentic(reason=RejectionReason.SECRET_UNAVAILABLE)
    return _verify(trigger, check=check, signed=signed, mismatch=RejectionReason.SIGNATURE_INVALID)


def _bearer(trigger: WebhookTrigger, *, signed: SignedRequest) -> Authentic | NotAuthentic:
    values = signed.request.values("authorization")
    matches = [_BEARER.fullmatch(value) for value in values]
    if len(values) == 1 and matches[0] is None:
        return NotAuthentic(reason=RejectionReason.CREDENTIAL_MISSING)
    presented = [match.group(1) if match else "" for match in matches]
    return _credential(trigger, presented=presented, signed=signed)


def _credential(
    trigger: WebhookTrigger, *, presented: Sequence[str], signed: SignedRequest
) -> Authentic | NotAuthentic:
    if not presented:
        return NotAuthentic(reason=RejectionReason.CREDENTIAL_MISSING)
    if len(presented) != 1:
        # Another hop may have looked at either of two.
        return NotAuthentic(reason=RejectionReason.CREDENTIAL_INVALID)
    credential = raw(presented[0])
    return _verify(
        trigger,
        check=lambda secret: hmac.compare_digest(credential, secret),
        signed=signed,
        mismatch=RejectionReason.CREDENTIAL_INVALID,
    )


def _verify(
    trigger: WebhookTrigger, *, check: SignatureCheck, signed: SignedRequest, mismatch: RejectionReason
) -> Authentic | NotAuthentic:
    """Try the trigger's secrets; ``mismatch`` is why the sender is refused when none of them is right."""
    if isinstance(check, RejectionReason):
        return NotAuthentic(reason=check)
    usable = trigger.usable_secrets(signed.now)
    for secret in usable:
        if check(secret.value):
            return Authentic(secret_id=secret.id)
    # Blame the sender only where every secret could be looked at.
    if trigger.unopened or not usable:
        return NotAuthentic(reason=RejectionReason.SECRET_UNAVAILABLE)
    return NotAuthentic(reason=mismatch)
