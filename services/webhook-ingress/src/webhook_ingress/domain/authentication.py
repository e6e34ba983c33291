"""Whether a request is who it claims to be. What is not listed here is refused."""

import hmac
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final, assert_never

from trigger_contracts.config import AuthType, WebhookConfig
from trigger_contracts.deliveries import RejectionReason
from trigger_contracts.webhook_config import SignatureAlgorithm, SignatureEncoding
from webhook_ingress.domain.hmac_scheme import HmacScheme, Several, TimestampHeader
from webhook_ingress.domain.presets import PRESETS
from webhook_ingress.domain.proof import Authentic, Claim, Evidence, NotAuthentic, prove, raw
from webhook_ingress.domain.trigger import WebhookTrigger

API_KEY_HEADER: Final = "x-api-key"
SIGNATURE_HEADERS: Final = ("x-signature", "x-hub-signature-256", "x-webhook-signature")

_BEARER: Final = re.compile(r"bearer +(\S+)", re.ASCII | re.IGNORECASE)


def authenticate(trigger: WebhookTrigger, *, evidence: Evidence) -> Authentic | NotAuthentic:
    """Decide by the trigger's ``provider``, or else its ``authType``."""
    if trigger.config.provider is not None:
        return _of_provider(trigger, evidence=evidence)
    auth_type = trigger.config.auth_type
    match auth_type:
        case AuthType.NONE:
            return Authentic()
        case AuthType.API_KEY:
            return _credential(trigger, presented=evidence.request.values(API_KEY_HEADER), evidence=evidence)
        case AuthType.BEARER:
            return _bearer(trigger, evidence=evidence)
        case AuthType.HMAC:
            return _signature(trigger, evidence=evidence)
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
    several = Several.BY_SPACE if "," in prefix else Several.BY_SPACE_OR_COMMA
    return HmacScheme(
        headers=SIGNATURE_HEADERS if named is None else (named.lower(),),
        several=Several.NO if named is None else several,
        prefix=prefix,
        encoding=encoding,
        algorithm=algorithm,
        content=content,
        timestamp=TimestampHeader(name=timestamp.lower()) if timestamp else None,
        id_header=id_header.lower() if id_header else None,
    )


def _of_provider(trigger: WebhookTrigger, *, evidence: Evidence) -> Authentic | NotAuthentic:
    preset = PRESETS.get(trigger.config.provider) if trigger.config.provider is not None else None
    if preset is None:
        return NotAuthentic(reason=RejectionReason.NOT_SUPPORTED)
    return _proven(trigger, claim=preset.scheme(evidence), evidence=evidence)


def _bearer(trigger: WebhookTrigger, *, evidence: Evidence) -> Authentic | NotAuthentic:
    values = evidence.request.values("authorization")
    matches = [_BEARER.fullmatch(value) for value in values]
    if len(values) == 1 and matches[0] is None:
        return NotAuthentic(reason=RejectionReason.CREDENTIAL_MISSING)
    presented = [match.group(1) if match else "" for match in matches]
    return _credential(trigger, presented=presented, evidence=evidence)


def _credential(
    trigger: WebhookTrigger, *, presented: Sequence[str], evidence: Evidence
) -> Authentic | NotAuthentic:
    if not presented:
        return NotAuthentic(reason=RejectionReason.CREDENTIAL_MISSING)
    if len(presented) != 1:
        # Which of two credentials another hop looked at is anyone's guess.
        return NotAuthentic(reason=RejectionReason.CREDENTIAL_INVALID)
    given = raw(presented[0])
    return prove(
        trigger,
        claim=lambda secret: hmac.compare_digest(given, secret),
        now=evidence.now,
        otherwise=RejectionReason.CREDENTIAL_INVALID,
    )


def _signature(trigger: WebhookTrigger, *, evidence: Evidence) -> Authentic | NotAuthentic:
    claim = hmac_scheme_of(trigger.config).claim(evidence)
    if claim is RejectionReason.SIGNATURE_MISSING and not trigger.config.require_signature:
        # A trigger without its secret refuses everybody: it could not tell a wrong signature either.
        if trigger.usable_secrets(evidence.now):
            return Authentic()
        return NotAuthentic(reason=RejectionReason.SECRET_UNAVAILABLE)
    return _proven(trigger, claim=claim, evidence=evidence)


def _proven(trigger: WebhookTrigger, *, claim: Claim, evidence: Evidence) -> Authentic | NotAuthentic:
    return prove(trigger, claim=claim, now=evidence.now, otherwise=RejectionReason.SIGNATURE_INVALID)
