"""Signatures that are an HMAC in a header: the generic scheme, and most providers'."""

import base64
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Final

from trigger_contracts.config import WebhookConfig
from trigger_contracts.deliveries import RejectionReason as Reason
from trigger_contracts.webhook_config import SignatureAlgorithm, SignatureEncoding
from trigger_webhooks import SignedContent, signed_content_of
from webhook_ingress.domain.signed_request import SignatureCheck, SignedRequest, raw
from webhook_ingress.domain.timestamps import TimeFormat

SIGNATURE_HEADERS: Final = ("x-signature", "x-hub-signature-256", "x-webhook-signature")
"""Where a signature may be when the trigger names no header."""

_BYTES: Final = {
    SignatureAlgorithm.SHA1: 20,
    SignatureAlgorithm.SHA256: 32,
    SignatureAlgorithm.SHA384: 48,
    SignatureAlgorithm.SHA512: 64,
}
_MAX_SIGNATURES: Final = 20
_BODY: Final = signed_content_of("{body}")


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
    """Where the signed time is; header names are in lower case here."""

    name: str
    written: TimeFormat = TimeFormat.SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class HmacScheme:
    """One row: where the signature is, how it is written and what it covers. The key is the secret's text."""

    headers: tuple[str, ...]
    prefix: str = ""
    encoding: SignatureEncoding = SignatureEncoding.HEX
    algorithm: SignatureAlgorithm = SignatureAlgorithm.SHA256
    content: SignedContent = _BODY
    timestamp: TimestampHeader | None = None
    id_header: str | None = None
    separator: SignatureSeparator = SignatureSeparator.NONE
    required: RequiredSignatures = RequiredSignatures.ALL

    def signature_check(self, signed: SignedRequest) -> SignatureCheck:
        """Read the request: strictly, and before any secret is looked at."""
        presented = []
        for name in self.headers:
            values = signed.request.values(name)
            # Another hop may have looked at either of two.
            signatures = self.signatures(values[0]) if len(values) == 1 else []
            if values and not signatures:
                return Reason.SIGNATURE_INVALID
            if values:
                presented.append(signatures)
        if not presented:
            return Reason.SIGNATURE_MISSING
        content = self.signed_content(signed)
        if isinstance(content, Reason):
            return content
        return lambda secret: self.made_by(secret, presented=presented, content=content)

    def signatures(self, header: str) -> list[bytes]:
        """Return the signatures in a header, hex in lower case; none where one of them is malformed."""
        if self.separator is SignatureSeparator.NONE:
            only = self._signature(header)
            return [only] if only else []
        parts = re.split(self.separator.value, header)
        if len(parts) > _MAX_SIGNATURES:
            return []
        signatures = [self._signature(part) for part in parts]
        return [signature for signature in signatures if signature] if all(signatures) else []

    def signed_content(self, signed: SignedRequest) -> bytes | Reason:
        """Return what has to be signed, or why the request does not say it."""
        if self.content.is_body_alone and self.timestamp is None and self.id_header is None:
            return signed.body
        values = {"body": signed.body}
        if self.timestamp is not None:
            time = signed.header(self.timestamp.name)
            if time is None or not signed.is_timely(time, written=self.timestamp.written):
                return Reason.TIMESTAMP_INVALID
            values["timestamp"] = time.encode()
        if self.id_header is not None:
            delivery_id = signed.header(self.id_header)
            if not delivery_id:
                return Reason.SIGNATURE_INVALID
            values["id"] = raw(delivery_id)
        if "url" in self.content.placeholders:
            values["url"] = signed.url
        return self.content.fill(values)

    def made_by(self, secret: bytes, *, presented: Sequence[Sequence[bytes]], content: bytes) -> bool:
        """Tell whether a secret made the signatures; ``presented`` has those of each header."""
        if not secret:
            return False
        expected = self._expected(secret, content=content)
        # Texts are compared, not bytes: of the many ways to write base64 only the canonical one is equal.
        right = [True in [hmac.compare_digest(one, expected) for one in header] for header in presented]
        return all(right) if self.required is RequiredSignatures.ALL else any(right)

    def _expected(self, key: bytes, *, content: bytes) -> bytes:
        """Return the signature as it is written, without the prefix."""
        mac = _hmac_with(key, self.algorithm).copy()
        mac.update(content)
        if self.encoding is SignatureEncoding.HEX:
            return mac.hexdigest().encode()
        return base64.b64encode(mac.digest())

    def _signature(self, text: str) -> bytes | None:
        if not text.startswith(self.prefix):
            return None
        signature = text[len(self.prefix) :]
        if self.encoding is SignatureEncoding.HEX:
            signature = signature.lower()
        return signature.encode() if _pattern(self.encoding, self.algorithm).fullmatch(signature) else None


def hmac_scheme_of(config: WebhookConfig) -> HmacScheme:
    """Return the scheme that a trigger's own options describe, the same one for the same options.

    A header that the trigger names may hold several signatures, of which one has to be right. The usual
    three hold one each: two that a comma joins are a header that was sent twice.
    """
    return _scheme(
        config.signature_header,
        config.signature_prefix,
        config.signature_encoding,
        config.algorithm,
        config.signed_content,
        config.timestamp_header,
        config.id_header,
    )


@lru_cache(maxsize=1024)
def _scheme(
    header: str | None,
    own_prefix: str | None,
    encoding: SignatureEncoding,
    algorithm: SignatureAlgorithm,
    content: str,
    timestamp: str | None,
    id_header: str | None,
) -> HmacScheme:
    prefix = f"{algorithm}=" if own_prefix is None else own_prefix
    separator = SignatureSeparator.SPACE if "," in prefix else SignatureSeparator.SPACE_OR_COMMA
    return HmacScheme(
        headers=SIGNATURE_HEADERS if header is None else (header.lower(),),
        separator=SignatureSeparator.NONE if header is None else separator,
        prefix=prefix,
        encoding=encoding,
        algorithm=algorithm,
        content=signed_content_of(content),
        timestamp=TimestampHeader(name=timestamp.lower()) if timestamp else None,
        id_header=id_header.lower() if id_header else None,
    )


@lru_cache(maxsize=1024)
def _hmac_with(key: bytes, algorithm: SignatureAlgorithm) -> hmac.HMAC:
    """Return how every HMAC with a key begins: OpenSSL takes longer to look the hash up than to hash 1 KB."""
    return hmac.new(key, digestmod=algorithm.value)


@lru_cache(maxsize=16)
def _pattern(encoding: SignatureEncoding, algorithm: SignatureAlgorithm) -> re.Pattern[str]:
    size = _BYTES[algorithm]
    if encoding is SignatureEncoding.HEX:
        return re.compile(rf"[0-9a-f]{{{2 * size}}}", re.ASCII)
    padding = -size % 3
    return re.compile(rf"[A-Za-z0-9+/]{{{(size + padding) // 3 * 4 - padding}}}={{{padding}}}", re.ASCII)
