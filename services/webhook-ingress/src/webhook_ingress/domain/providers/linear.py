"""Linear: https://linear.app/developers/webhooks#securing-webhooks

The time is inside the signed body, in milliseconds.
"""

from typing import Annotated, Final

from msgspec import Meta

from trigger_contracts.deliveries import RejectionReason as Reason
from webhook_ingress.domain.hmac_scheme import HmacScheme
from webhook_ingress.domain.json_body import Part, read
from webhook_ingress.domain.signed_request import SignatureCheck, SignedRequest

_SCHEME: Final = HmacScheme(headers=("linear-signature",))


class _Message(Part, frozen=True, kw_only=True):
    webhook_timestamp: Annotated[int, Meta(ge=0, le=10**15)]


def signature_check(signed: SignedRequest) -> SignatureCheck:
    """Read the signature; an old body is refused even when its signature is right."""
    check = _SCHEME.signature_check(signed)
    if isinstance(check, Reason):
        return check
    message = read(signed.body, _Message)
    if message is None or not signed.is_near(message.webhook_timestamp / 1000):
        return Reason.TIMESTAMP_INVALID
    return check
