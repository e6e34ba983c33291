"""HubSpot: https://developers.hubspot.com/docs/api/webhooks/validating-requests

v3 is an HMAC with a time; v1 and v2 are SHA-256 over the secret and what follows it. An attacker who has seen
one request can extend such a hash. But the extension begins with the hash's padding, whose first byte is
0x80, and that is not valid UTF-8 there. So v1 and v2 demand a body of valid UTF-8.
"""

import hashlib
import hmac
import re
from collections.abc import Sequence
from typing import Final

from trigger_contracts.deliveries import RejectionReason as Reason
from trigger_contracts.webhook_config import SignatureEncoding, TimestampFormat
from webhook_ingress.domain.hmac_scheme import HmacScheme
from webhook_ingress.domain.signed_request import SignatureCheck, SignedRequest, raw

_V3: Final = HmacScheme(headers=("x-hubspot-signature-v3",), encoding=SignatureEncoding.BASE64)
_HEX: Final = re.compile(r"[0-9a-fA-F]{64}", re.ASCII)
# The page on v3: "Decode any of the URL-encoded entities" of this list.
_DECODED: Final = re.compile(rb"%(3A|2F|3F|40|21|24|27|28|29|2A|2C|3B)", re.IGNORECASE)


def signature_check(signed: SignedRequest) -> SignatureCheck:
    """Read the newest version that the request brings."""
    if values := signed.request.values("x-hubspot-signature-v3"):
        return _v3(signed, values=values)
    values = signed.request.values("x-hubspot-signature")
    if not values:
        return Reason.SIGNATURE_MISSING
    if len(values) > 1 or not _HEX.fullmatch(values[0]) or not _is_utf8(signed.body):
        return Reason.SIGNATURE_INVALID
    match signed.header("x-hubspot-signature-version"):
        case "v1":
            content = signed.body
        case "v2":
            content = raw(signed.request.method) + signed.url + signed.body
        case _:
            return Reason.SIGNATURE_INVALID
    presented = values[0].lower().encode()
    return lambda secret: hmac.compare_digest(
        presented, hashlib.sha256(secret + content).hexdigest().encode()
    )


def _v3(signed: SignedRequest, *, values: Sequence[str]) -> SignatureCheck:
    presented = _V3.signatures(values[0])
    if len(values) > 1 or not presented:
        return Reason.SIGNATURE_INVALID
    time = signed.header("x-hubspot-request-timestamp")
    if time is None or not signed.is_timely(time, written=TimestampFormat.MILLISECONDS):
        return Reason.TIMESTAMP_INVALID
    url = _DECODED.sub(lambda match: bytes([int(match.group(1), 16)]), signed.url)
    content = raw(signed.request.method) + url + signed.body + time.encode()
    return lambda secret: _V3.made_by(secret, presented=[presented], content=content)


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True
