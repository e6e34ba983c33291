"""Whether a request is who it claims to be. What is not listed here is refused."""

import hmac
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final, assert_never

from trigger_contracts.config import AuthType, WebhookConfig
from trigger_contracts.deliveries import RejectionReason
from trigger_contracts.webhook_config import SignatureAlgorithm, SignatureEncoding
from webhook_ingress.domain.hmac_scheme import HmacScheme, SignatureSeparator, TimestampHeader
from webhook_ingress.domain.presets import PRESETS
from webhook_ingress.domain.trigger import WebhookTrigger
from webhook_ingress.domain.verification import (
    Authentic,
    NotAuthentic,
    SignatureCheck,
    SignedRequest,
    raw,
    verify,
)

API_KEY_HEADER: Final = "x-api-key"
SIGNATURE_HEADERS: Final = ("x-signature", "x-hub-signature-256", "x-webhook-signature")

_BEARER: Final = re.compile(r"bearer +(\S+)", re.ASCII | re.IGNORECASE)


def authenticate(trigger: WebhookTrigger, *, signed: SignedRequest) -> Authentic | NotAuthentic:
    """Decide by the trigger's ``provider``, or else its ``authType``."""
    if trigger.config.provider is not None:
        return _of_provider(trigger, signed=signed)
    auth_type = trigger.config.auth_type
    match auth_type:
        case AuthType.NONE:
            return Authentic()
        case AuthType.API_KEY:
            return _credential(trigger, presented=signed.request.values(API_KEY_HEADER), signed=signed)
        case AuthType.BEARER:
            return _bearer(trigger, signed=signed)
        case AuthType.HMAC:
            return _signature(trigger, signed=signed)
        case _:
            assert_never(auth_type)


def hmac_scheme_of(config: WebhookConfig) -> HmacScheme:
    """Return the scheme that a trigger's own options describe.

    A header that the trigger names may hold several signatures, of which one has to be right. The usual
    three hold one each: what comes in two, joined by a comma, is a header that was sent twice.
    """
    return _scheme(
        config.signature_header,
        config.signature_prefix,
        config.signature_encoding,
        config.algorithm,
        config.signed_content,
        config.timestamp_header,
        config.id_header,
    )


@lru_cache(maxsize=1024)
def _scheme(
    named: str | None,
    given: str | None,
    encoding: SignatureEncoding,
    algorithm: SignatureAlgorithm,
    content: str,
    timestamp: str | None,
    id_header: str | None,
) -> HmacScheme:
    prefix = f"{algorithm}=" if given is None else given
    separator = SignatureSeparator.SPACE if "," in prefix else SignatureSeparator.SPACE_OR_COMMA
    return HmacScheme(
        headers=SIGNATURE_HEADERS if named is None else (named.lower(),),
        separator=SignatureSeparator.NONE if named is None else separator,
        prefix=prefix,
        encoding=encoding,
        algorithm=algorithm,
        content=content,
        timestamp=TimestampHeader(name=timestamp.lower()) if timestamp else None,
        id_header=id_header.lower() if id_header else None,
    )


def _of_provider(trigger: WebhookTrigger, *, signed: SignedRequest) -> Authentic | NotAuthentic:
    preset = PRESETS.get(trigger.config.provider) if trigger.config.provider is not None else None
    if preset is None:
        return NotAuthentic(reason=RejectionReason.NOT_SUPPORTED)
    return _proven(trigger, check=preset.scheme(signed), signed=signed)


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
        # Which of two credentials another hop looked at is anyone's guess.
        return NotAuthentic(reason=RejectionReason.CREDENTIAL_INVALID)
    given = raw(presented[0])
    return verify(
        trigger,
        check=lambda secret: hmac.compare_digest(given, secret),
        now=signed.now,
        otherwise=RejectionReason.CREDENTIAL_INVALID,
    )


def _signature(trigger: WebhookTrigger, *, signed: SignedRequest) -> Authentic | NotAuthentic:
    check = hmac_scheme_of(trigger.config).signature_check(signed)
    if check is RejectionReason.SIGNATURE_MISSING and not trigger.config.require_signature:
        # A trigger without its secret refuses everybody: it could not tell a wrong signature either.
        if trigger.usable_secrets(signed.now):
            return Authentic()
        return NotAuthentic(reason=RejectionReason.SECRET_UNAVAILABLE)
    return _proven(trigger, check=check, signed=signed)


def _proven(
    trigger: WebhookTrigger, *, check: SignatureCheck, signed: SignedRequest
) -> Authentic | NotAuthentic:
    return verify(trigger, check=check, now=signed.now, otherwise=RejectionReason.SIGNATURE_INVALID)
