"""Box: https://developer.box.com/guides/webhooks/v2/signatures-v2

Two keys sign each request, so that either may be rotated; the trigger's secret is one of them.
"""

import re
from typing import Final

import msgspec

from trigger_contracts.deliveries import RejectionReason as Reason
from trigger_contracts.webhook_config import SignatureEncoding, TimestampFormat
from trigger_webhooks import signed_content_of
from webhook_ingress.domain.hmac_scheme import HmacScheme
from webhook_ingress.domain.signature_header import RequiredSignatures, TimestampHeader
from webhook_ingress.domain.signed_request import SignatureCheck, SignedRequest

_SCHEME: Final = HmacScheme(
    headers=("box-signature-primary", "box-signature-secondary"),
    required=RequiredSignatures.ANY,
    encoding=SignatureEncoding.BASE64,
    content=signed_content_of("{body}{timestamp}"),
    timestamp=TimestampHeader(name="box-delivery-timestamp", written=TimestampFormat.RFC_3339),
)
_BACKSLASH: Final = re.compile(r"\\(?!/)")
_UNPRINTABLE: Final = re.compile(r"[^\x20-\x7e]")
_SHORT: Final = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}


def signature_check(signed: SignedRequest) -> SignatureCheck:
    """Read the signatures of version 1, the only one so far."""
    plain = _SCHEME.signature_check(signed)
    if isinstance(plain, Reason):
        return plain
    if (signed.header("box-signature-version"), signed.header("box-signature-algorithm")) != (
        "1",
        "HmacSHA256",
    ):
        return Reason.SIGNATURE_INVALID
    escaped = _escaped(signed.body)
    other = (
        plain if escaped is None else _SCHEME.signature_check(msgspec.structs.replace(signed, body=escaped))
    )
    return lambda secret: plain(secret) or (not isinstance(other, Reason) and other(secret))


def _escaped(body: bytes) -> bytes | None:
    """Return the body with all but ASCII escaped: its libraries say that Box signs some bodies like this."""
    if body.isascii():
        return None
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return None
    return _UNPRINTABLE.sub(_escape, _BACKSLASH.sub(r"\\\\", text)).encode()


def _escape(match: re.Match[str]) -> str:
    char = match.group()
    units = char.encode("utf-16-be")
    return _SHORT.get(char) or "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
