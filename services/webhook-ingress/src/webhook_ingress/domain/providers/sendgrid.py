"""SendGrid's event webhook.

https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-features
"""

import re
from typing import Final

from trigger_contracts.deliveries import RejectionReason as Reason
from webhook_ingress.domain.proof import Claim, Evidence
from webhook_ingress.domain.providers.public_keys import p256_verifies
from webhook_ingress.domain.timestamps import TimeFormat, is_near, seconds_of

_SIGNATURE_HEADER: Final = "x-twilio-email-event-webhook-signature"
_TIME_HEADER: Final = "x-twilio-email-event-webhook-timestamp"
_SIGNATURE: Final = re.compile(r"[A-Za-z0-9+/]{80,100}={0,2}", re.ASCII)


def claim(evidence: Evidence) -> Claim:
    """Read an ECDSA signature (P-256, SHA-256) over time and body."""
    if not evidence.request.values(_SIGNATURE_HEADER):
        return Reason.SIGNATURE_MISSING
    signature, time = evidence.one(_SIGNATURE_HEADER), evidence.one(_TIME_HEADER)
    if signature is None or not _SIGNATURE.fullmatch(signature):
        return Reason.SIGNATURE_INVALID
    seconds = None if time is None else seconds_of(time, written=TimeFormat.SECONDS)
    if time is None or seconds is None:
        return Reason.TIMESTAMP_INVALID
    if not is_near(seconds, now=evidence.now, tolerance=evidence.tolerance):
        return Reason.TIMESTAMP_INVALID
    made, content = signature.encode(), time.encode() + evidence.body
    return lambda key: p256_verifies(key, signature=made, content=content)
