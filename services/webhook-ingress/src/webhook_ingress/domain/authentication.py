"""Whether the sender of a request is authentic. What is not listed here is refused."""

import base64
import hmac
import re
from collections.abc import Sequence
from typing import Final, assert_never
from uuid import UUID

import msgspec

from trigger_contracts.config import AuthType
from trigger_contracts.deliveries import RejectionReason
from webhook_ingress.domain.sender_headers import api_key_header
from webhook_ingress.domain.signed_request import SignatureCheck, SignedRequest, raw
from webhook_ingress.domain.trigger import WebhookTrigger

_BEARER: Final = re.compile(r"bearer +(\S.*)", re.ASCII | re.IGNORECASE)
_BASIC: Final = re.compile(r"basic +(\S+)", re.ASCII | re.IGNORECASE)


class Authentic(msgspec.Struct, frozen=True, kw_only=True):
    """``secret_id`` is the secret that matched; ``None`` where none was needed."""

    secret_id: UUID | None = None


class NotAuthentic(msgspec.Struct, frozen=True, kw_only=True):
    """Why the sender is not believed; ``detail`` says it in words where they are not the usual ones."""

    reason: RejectionReason
    detail: str | None = None


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
            header = api_key_header(trigger.config).lower()
            return _credential(
                trigger, presented=[raw(key) for key in signed.request.values(header)], signed=signed
            )
        case AuthType.BEARER:
            return _authorization(trigger, scheme=_BEARER, signed=signed)
        case AuthType.BASIC:
            return _authorization(trigger, scheme=_BASIC, signed=signed)
        case AuthType.HMAC:
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
    if check is RejectionReason.TIMESTAMP_INVALID and trigger.rules.time_problem is not None:
        return NotAuthentic(reason=check, detail=trigger.rules.time_problem(signed))
    return _verify(trigger, check=check, signed=signed, mismatch=RejectionReason.SIGNATURE_INVALID)


def _authorization(
    trigger: WebhookTrigger, *, scheme: re.Pattern[str], signed: SignedRequest
) -> Authentic | NotAuthentic:
    values = signed.request.values("authorization")
    matches = [scheme.fullmatch(value) for value in values]
    if len(values) == 1 and matches[0] is None:
        return NotAuthentic(reason=RejectionReason.CREDENTIAL_MISSING)
    credentials = [raw(match.group(1)) if match else b"" for match in matches]
    presented = [_decoded(credential) for credential in credentials] if scheme is _BASIC else credentials
    return _credential(trigger, presented=presented, signed=signed)


def _decoded(credential: bytes) -> bytes:
    """Return the ``user:password`` of RFC 7617; what is no base64 is no secret either."""
    try:
        return base64.b64decode(credential + b"=" * (-len(credential) % 4), validate=True)
    except ValueError:
        return b""


def _credential(
    trigger: WebhookTrigger, *, presented: Sequence[bytes], signed: SignedRequest
) -> Authentic | NotAuthentic:
    if not presented:
        return NotAuthentic(reason=RejectionReason.CREDENTIAL_MISSING)
    if len(presented) != 1:
        # Another hop may have looked at either of two.
        return NotAuthentic(reason=RejectionReason.CREDENTIAL_INVALID)
    credential = presented[0]
    return _verify(
        trigger,
        check=lambda secret: _is_same(credential, secret=secret),
        signed=signed,
        mismatch=RejectionReason.CREDENTIAL_INVALID,
    )


def _is_same(credential: bytes, *, secret: bytes) -> bool:
    """Tell whether a credential is a secret, in UTF-8 or, as many clients write headers, in Latin-1."""
    if hmac.compare_digest(credential, secret):
        return True
    if secret.isascii():
        return False
    try:
        # Strictly: a replacement character would stand for any other one.
        in_latin_1 = secret.decode().encode("latin-1")
    except UnicodeError:
        return False
    return hmac.compare_digest(credential, in_latin_1)


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
