"""Signatures that are an HMAC in a header: the generic scheme, and most providers'."""

import base64
import hmac
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Final

from trigger_contracts.deliveries import RejectionReason as Reason
from trigger_contracts.webhook_config import SignatureAlgorithm, SignatureEncoding
from webhook_ingress.domain.signed_content import template
from webhook_ingress.domain.timestamps import TimeFormat, is_near, seconds_of
from webhook_ingress.domain.verification import SignatureCheck, SignedRequest, raw

_BYTES: Final = {
    SignatureAlgorithm.SHA1: 20,
    SignatureAlgorithm.SHA256: 32,
    SignatureAlgorithm.SHA384: 48,
    SignatureAlgorithm.SHA512: 64,
}
_MAX_SIGNATURES: Final = 20
_BODY_ALONE: Final = "{body}"


class SignatureSeparator(Enum):
    """What may stand between several signatures in one header, of which one has to be right."""

    NONE = ""
    SPACE = " "
    SPACE_OR_COMMA = ", ?| "


class RequiredSignatures(Enum):
    """Which of the signature headers that a request brings have to be right."""

    ALL = "all"
    ANY = "any"


@dataclass(frozen=True, slots=True, kw_only=True)
class TimestampHeader:
    """Where the signed time is; header names are lower-case here."""

    name: str
    written: TimeFormat = TimeFormat.SECONDS


def as_text(secret: bytes) -> bytes | None:
    """The key is the secret's text."""
    return secret


@dataclass(frozen=True, slots=True, kw_only=True)
class HmacScheme:
    """One row: where the signature is, how it is written and what it covers."""

    headers: tuple[str, ...]
    prefix: str = ""
    encoding: SignatureEncoding = SignatureEncoding.HEX
    algorithm: SignatureAlgorithm = SignatureAlgorithm.SHA256
    content: str = "{body}"
    timestamp: TimestampHeader | None = None
    id_header: str | None = None
    separator: SignatureSeparator = SignatureSeparator.NONE
    required: RequiredSignatures = RequiredSignatures.ALL
    key: Callable[[bytes], bytes | None] = as_text

    def signature_check(self, signed: SignedRequest) -> SignatureCheck:
        """Read the request: strictly, and before any secret is looked at."""
        presented = []
        for name in self.headers:
            found = signed.request.values(name)
            # Which of two another hop looked at is anyone's guess.
            signatures = self.signatures(found[0]) if len(found) == 1 else []
            if found and not signatures:
                return Reason.SIGNATURE_INVALID
            if found:
                presented.append(signatures)
        if not presented:
            return Reason.SIGNATURE_MISSING
        content = self.signed_content(signed)
        if isinstance(content, Reason):
            return content
        return lambda secret: self.made_by(secret, presented=presented, content=content)

    def signatures(self, header: str) -> list[bytes]:
        """Return the signatures in a header, hex in lower case; none where one of them is not exactly one."""
        if self.separator is SignatureSeparator.NONE:
            only = self._signature(header)
            return [only] if only else []
        parts = re.split(self.separator.value, header)
        if len(parts) > _MAX_SIGNATURES:
            return []
        found = [self._signature(part) for part in parts]
        return [signature for signature in found if signature] if all(found) else []

    def expected(self, *, key: bytes, content: bytes) -> bytes:
        """Return the signature as it is written, without the prefix."""
        mac = _keyed(key, self.algorithm).copy()
        mac.update(content)
        if self.encoding is SignatureEncoding.HEX:
            return mac.hexdigest().encode()
        return base64.b64encode(mac.digest())

    def signed_content(self, signed: SignedRequest) -> bytes | Reason:
        """Return what has to be signed, or why the request does not say it."""
        if self.content == _BODY_ALONE and self.timestamp is None and self.id_header is None:
            return signed.body
        values = {"body": signed.body}
        if self.timestamp is not None:
            text = signed.one(self.timestamp.name)
            seconds = None if text is None else seconds_of(text, written=self.timestamp.written)
            if text is None or seconds is None:
                return Reason.TIMESTAMP_INVALID
            if not is_near(seconds, now=signed.now, tolerance=signed.tolerance):
                return Reason.TIMESTAMP_INVALID
            values["timestamp"] = text.encode()
        if self.id_header is not None:
            given = signed.one(self.id_header)
            if not given:
                return Reason.SIGNATURE_INVALID
            values["id"] = raw(given)
        wanted = template(self.content)
        if "url" in wanted.names:
            values["url"] = signed.url
        return wanted.fill(values)

    def made_by(self, secret: bytes, *, presented: Sequence[Sequence[bytes]], content: bytes) -> bool:
        """Tell whether a secret made the signatures; each header's are one of ``presented``."""
        key = self.key(secret)
        if not key:
            return False
        expected = self.expected(key=key, content=content)
        # Texts are compared, not bytes: of the many ways to write base64 only the canonical one is equal.
        right = [True in [hmac.compare_digest(one, expected) for one in several] for several in presented]
        return all(right) if self.required is RequiredSignatures.ALL else any(right)

    def _signature(self, text: str) -> bytes | None:
        if not text.startswith(self.prefix):
            return None
        signature = text[len(self.prefix) :]
        if self.encoding is SignatureEncoding.HEX:
            signature = signature.lower()
        return signature.encode() if _pattern(self.encoding, self.algorithm).fullmatch(signature) else None


@lru_cache(maxsize=1024)
def _keyed(key: bytes, algorithm: SignatureAlgorithm) -> hmac.HMAC:
    """Return how every HMAC with a key begins: OpenSSL takes longer to look the hash up than to hash 1 KB."""
    return hmac.new(key, digestmod=algorithm.value)


@lru_cache(maxsize=16)
def _pattern(encoding: SignatureEncoding, algorithm: SignatureAlgorithm) -> re.Pattern[str]:
    size = _BYTES[algorithm]
    if encoding is SignatureEncoding.HEX:
        return re.compile(rf"[0-9a-f]{{{2 * size}}}", re.ASCII)
    padding = -size % 3
    return re.compile(rf"[A-Za-z0-9+/]{{{(size + padding) // 3 * 4 - padding}}}={{{padding}}}", re.ASCII)
