"""SendGrid's event webhook.

https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-features
"""

import re
from typing import Final

from trigger_contracts.deliveries import RejectionReason as Reason
from webhook_ingress.domain.providers.public_keys import p256_verifies
from webhook_ingress.domain.signed_request import SignatureCheck, SignedRequest

_SIGNATURE_HEADER: Final = "x-twilio-email-event-webhook-signature"
_TIME_HEADER: Final = "x-twilio-email-event-webhook-timestamp"
_SIGNATURE: Final = re.compile(r"[A-Za-z0-9+/]{80,100}={0,2}", re.ASCII)


def signature_check(signed: SignedRequest) -> SignatureCheck:
    """Read an ECDSA signature (P-256, SHA-256) over time and body."""
    if not signed.request.values(_SIGNATURE_HEADER):
        return Reason.SIGNATURE_MISSING
    signature, time = signed.header(_SIGNATURE_HEADER), signed.header(_TIME_HEADER)
    if signature is None or not _SIGNATURE.fullmatch(signature):
        return Reason.SIGNATURE_INVALID
    if time is None or not signed.is_timely(time):
        return Reason.TIMESTAMP_INVALID
    made, content = signature.encode(), time.encode() + signed.body
    return lambda key: p256_verifies(key, signature=made, content=content)
