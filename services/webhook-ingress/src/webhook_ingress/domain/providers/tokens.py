"""Providers that send the secret itself in a header (Telegram, GitLab)."""

import hmac
import re
from typing import Final

from trigger_contracts.deliveries import RejectionReason as Reason
from webhook_ingress.domain.providers.standard_webhooks import StandardWebhooks
from webhook_ingress.domain.signed_request import SignatureCheck, SignatureScheme, SignedRequest, raw

_SIGNED: Final = StandardWebhooks()
# Not every text that begins with whsec_: this system's own secrets do, and are used as secret tokens.
_SIGNING_TOKEN: Final = re.compile(rb"whsec_[A-Za-z0-9+/]{43}=")


def token_in(header: str) -> SignatureScheme:
    """Return the scheme of a header that must hold the secret."""

    def signature_check(signed: SignedRequest) -> SignatureCheck:
        values = signed.request.values(header)
        if not values:
            return Reason.CREDENTIAL_MISSING
        if len(values) > 1:
            return Reason.CREDENTIAL_INVALID
        token = raw(values[0])
        return lambda secret: hmac.compare_digest(token, secret)

    return signature_check


def gitlab(signed: SignedRequest) -> SignatureCheck:
    """GitLab: https://docs.gitlab.com/user/project/integrations/webhooks/

    The secret determines which of its two ways counts. A signing token (``whsec_`` and 32 bytes in base64;
    GitLab takes no other) signs as in Standard Webhooks. Any other secret is the token in ``X-Gitlab-Token``.
    """
    signature = _SIGNED.signature_check(signed)
    token = _TOKEN(signed)
    if isinstance(signature, Reason) and isinstance(token, Reason):
        return token if signature is Reason.SIGNATURE_MISSING else signature
    return lambda secret: _passes(signature if _SIGNING_TOKEN.fullmatch(secret) else token, secret=secret)


_TOKEN = token_in("x-gitlab-token")


def _passes(check: SignatureCheck, *, secret: bytes) -> bool:
    return not isinstance(check, Reason) and check(secret)
