"""Gitea and Gogs: a form carries the JSON text in ``payload``, and the signature covers that text alone.

https://github.com/go-gitea/gitea/blob/main/services/webhook/deliver.go (GitHub signs the form itself).
"""

from typing import Final
from urllib.parse import unquote_to_bytes

import msgspec

from trigger_contracts.deliveries import RejectionReason as Reason
from webhook_ingress.domain.hmac_scheme import HmacScheme
from webhook_ingress.domain.signed_request import SignatureCheck, SignatureScheme, SignedRequest

_FIELD: Final = b"payload="


def hmac_in(header: str) -> SignatureScheme:
    """Return the scheme of an HMAC-SHA256 in hex over the JSON, however that is sent."""
    scheme = HmacScheme(headers=(header,)).signature_check

    def signature_check(signed: SignedRequest) -> SignatureCheck:
        if not signed.has_form():
            return scheme(signed)
        # Nothing would cover a second field.
        if not signed.body.startswith(_FIELD) or b"&" in signed.body:
            return Reason.SIGNATURE_INVALID if signed.request.values(header) else Reason.SIGNATURE_MISSING
        payload = unquote_to_bytes(signed.body.removeprefix(_FIELD).replace(b"+", b" "))
        return scheme(msgspec.structs.replace(signed, body=payload))

    return signature_check
