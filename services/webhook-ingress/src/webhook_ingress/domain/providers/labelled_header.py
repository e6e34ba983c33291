"""Time and signatures together in one header: ``t=1700000000,v1=…,v1=…`` (Stripe, Paddle)."""

import re
from dataclasses import dataclass
from typing import Final

from trigger_contracts.deliveries import RejectionReason as Reason
from webhook_ingress.domain.hmac_scheme import HmacScheme
from webhook_ingress.domain.signed_request import SignatureCheck, SignedRequest

_SCHEME: Final = HmacScheme(headers=())
_MAX_PARTS: Final = 20
_PART: Final = re.compile(r"([a-z0-9]{1,20})=([A-Za-z0-9+/=_.-]{1,200})", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledHeader:
    """The labels of the time and of the signatures, and what is between time and body in the signed content.

    Parts with other labels are ignored: providers add schemes, and the preset has chosen this one.
    """

    header: str
    separator: str
    time: str
    signature: str
    joiner: bytes

    def signature_check(self, signed: SignedRequest) -> SignatureCheck:
        """Read the header: one time, at least one signature, HMAC-SHA256 in hex."""
        values = signed.request.values(self.header)
        if not values:
            return Reason.SIGNATURE_MISSING
        parts = [_PART.fullmatch(part) for part in values[0].split(self.separator)]
        if len(values) > 1 or len(parts) > _MAX_PARTS or not all(parts):
            return Reason.SIGNATURE_INVALID
        pairs = [part.groups() for part in parts if part]
        times = [value for label, value in pairs if label == self.time]
        if len(times) != 1 or not signed.is_timely(times[0]):
            return Reason.TIMESTAMP_INVALID
        values = [value for label, value in pairs if label == self.signature]
        signatures = [signature for value in values for signature in _SCHEME.signatures(value)]
        if not signatures:
            return Reason.SIGNATURE_INVALID
        content = times[0].encode() + self.joiner + signed.body
        return lambda secret: _SCHEME.made_by(secret, presented=[signatures], content=content)
