"""Standard Webhooks: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md

``v1`` is HMAC-SHA256 under a shared secret (``whsec_``), ``v1a`` Ed25519 under a public key (``whpk_``).
Which of the two counts follows from the configured secret, never from the request.
"""

import base64
import hmac
import re
from dataclasses import dataclass
from typing import Final

from trigger_contracts.deliveries import RejectionReason as Reason
from webhook_ingress.domain.providers.public_keys import ed25519_verifies
from webhook_ingress.domain.signed_request import SignatureCheck, SignedRequest, raw

_SECRET: Final = b"whsec_"
_PUBLIC: Final = b"whpk_"
_SIGNATURE: Final = re.compile(r"(v[0-9]{1,2}[a-z]?),([A-Za-z0-9+/]{1,1000}={0,2})", re.ASCII)
_MAX_SIGNATURES: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class StandardWebhooks:
    """A prefix begins the names of the three headers; the first one that a request uses counts."""

    prefixes: tuple[str, ...] = ("webhook-",)

    def signature_check(self, signed: SignedRequest) -> SignatureCheck:
        """Read id, time and signatures."""
        prefix = self._prefix(signed)
        if prefix is None:
            return Reason.SIGNATURE_MISSING
        listed = signed.header(f"{prefix}signature")
        message_id, time = signed.header(f"{prefix}id"), signed.header(f"{prefix}timestamp")
        if listed is None or not message_id:
            return Reason.SIGNATURE_INVALID
        if time is None or not signed.is_timely(time):
            return Reason.TIMESTAMP_INVALID
        signatures = _read(listed)
        if not signatures:
            return Reason.SIGNATURE_INVALID
        content = b".".join((raw(message_id), time.encode(), signed.body))
        return lambda secret: _made_by(signatures, content=content, secret=secret)

    def delivery_id(self, signed: SignedRequest) -> str | None:
        """Return the id that was signed: anyone could have sent the one of other headers."""
        prefix = self._prefix(signed)
        return None if prefix is None else signed.header(f"{prefix}id")

    def _prefix(self, signed: SignedRequest) -> str | None:
        for prefix in self.prefixes:
            if signed.request.values(f"{prefix}signature"):
                return prefix
        return None


def key_of(secret: bytes) -> bytes | None:
    """Return the HMAC key in a secret, with ``whsec_`` or without; ``None`` where there is none in it."""
    text = secret.removeprefix(_SECRET)
    try:
        # The libraries also take secrets without their padding.
        return base64.b64decode(text + b"=" * (-len(text) % 4), validate=True)
    except ValueError:
        return None


def _read(listed: str) -> list[tuple[str, bytes]]:
    """Return versions, also unknown ones, and signatures; none where one of them is malformed."""
    matches = [_SIGNATURE.fullmatch(part) for part in listed.split(" ")]
    if len(matches) > _MAX_SIGNATURES or not all(matches):
        return []
    return [(match.group(1), match.group(2).encode()) for match in matches if match]


def _made_by(signatures: list[tuple[str, bytes]], *, content: bytes, secret: bytes) -> bool:
    if secret.startswith(_PUBLIC):
        return any(
            ed25519_verifies(secret.removeprefix(_PUBLIC), signature=signature, content=content)
            for version, signature in signatures
            if version == "v1a"
        )
    key = key_of(secret)
    if not key:
        return False
    expected = base64.b64encode(hmac.digest(key, content, "sha256"))
    return any(
        hmac.compare_digest(signature, expected) for version, signature in signatures if version == "v1"
    )
