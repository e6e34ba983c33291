"""Twilio: https://www.twilio.com/docs/usage/webhooks/webhooks-security

HMAC-SHA1 over the URL and, for a form, its sorted parameters; for any other body the URL holds the body's
SHA-256 as ``bodySHA256``.
"""

import hashlib
import hmac
import re
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from trigger_contracts.deliveries import RejectionReason as Reason
from trigger_contracts.webhook_config import SignatureAlgorithm, SignatureEncoding
from webhook_ingress.domain.hmac_scheme import HmacScheme
from webhook_ingress.domain.signed_request import SignatureCheck, SignedRequest, raw

_SCHEME: Final = HmacScheme(
    headers=("x-twilio-signature",),
    encoding=SignatureEncoding.BASE64,
    algorithm=SignatureAlgorithm.SHA1,
)
NOTHING_TO_DO: Final = b'<?xml version="1.0" encoding="UTF-8"?><Response/>'
"""TwiML without a verb."""

_SHA256: Final = re.compile(r"[0-9a-fA-F]{64}", re.ASCII)
_MAX_FIELDS: Final = 1000
_DEFAULT_PORTS: Final = {"https": 443, "http": 80}


def signature_check(signed: SignedRequest) -> SignatureCheck:
    """Read the signature, and compute what it has to cover."""
    values = signed.request.values("x-twilio-signature")
    if not values:
        return Reason.SIGNATURE_MISSING
    presented = _SCHEME.signatures(values[0])
    covered = _covered(signed)
    if len(values) > 1 or not presented or covered is None:
        return Reason.SIGNATURE_INVALID
    # Its libraries say that Twilio signs some addresses with their port and some without it.
    contents = [url + covered for url in _spellings(signed)]
    return lambda secret: any(
        _SCHEME.made_by(secret, presented=[presented], content=content) for content in contents
    )


def _covered(signed: SignedRequest) -> bytes | None:
    """Return what is signed after the URL; ``None`` where nothing covers the body."""
    request = signed.request
    hashes = [value for name, value in request.query if name == "bodySHA256"]
    if hashes:
        digest = hashlib.sha256(signed.body).hexdigest().encode()
        right = len(hashes) == 1 and _SHA256.fullmatch(hashes[0]) is not None
        return b"" if right and hmac.compare_digest(hashes[0].lower().encode(), digest) else None
    if not signed.body:
        return b""
    return _parameters(signed.body) if signed.has_form() else None


def _parameters(body: bytes) -> bytes | None:
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=_MAX_FIELDS,
        )
    except ValueError:
        return None
    # Sorted by name, and each value of a name once, as in Twilio's libraries.
    return "".join(name + value for name, value in sorted(set(pairs))).encode("utf-8", "surrogatepass")


def _spellings(signed: SignedRequest) -> list[bytes]:
    parts = urlsplit(signed.public_url or "")
    host, port = parts.netloc.removesuffix(f":{parts.port}"), parts.port or _DEFAULT_PORTS[parts.scheme]
    rest = raw(parts.path.rstrip("/") + signed.request.target)
    start = f"{parts.scheme}://{host}"
    return [start.encode() + rest, f"{start}:{port}".encode() + rest]
