"""Signatures that are an HMAC in a header: the generic scheme, and most providers'."""

import base64
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

import msgspec

from trigger_contracts.config import WebhookConfig
from trigger_contracts.deliveries import RejectionReason as Reason
from trigger_contracts.webhook_config import (
    LabelSeparator,
    SignatureAlgorithm,
    SignatureEncoding,
    SignatureLabels,
    TimestampFormat,
)
from trigger_webhooks import SignedContent, signed_content_of
from webhook_ingress.domain.signature_header import (
    RequiredSignatures,
    SignatureSeparator,
    TimestampHeader,
)
from webhook_ingress.domain.signed_request import SignatureCheck, SignedRequest, raw
from webhook_ingress.domain.timestamps import format_of, seconds_of

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
_LABELLED: Final = re.compile(r"([A-Za-z0-9_-]{1,20})=(.{0,1000})", re.ASCII)
_VALUE: Final = re.compile(r"[A-Za-z0-9+/=_.:-]{1,200}", re.ASCII)
_VERSION: Final = re.compile(r"[A-Za-z0-9_-]{1,20}", re.ASCII)
_SEPARATORS: Final = {separator: re.compile(rf"[ \t]*{separator}[ \t]*") for separator in LabelSeparator}
_FORMATS: Final = {
    TimestampFormat.SECONDS: "seconds",
    TimestampFormat.MILLISECONDS: "milliseconds",
    TimestampFormat.RFC_3339: "RFC 3339",
}


# A Struct and not a dataclass, as all that is made for each request.
class _Presented(msgspec.Struct, frozen=True, kw_only=True):
    """What one header holds; ``times`` are those with a label."""

    signatures: list[bytes]
    times: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class HmacScheme:
    """One row: where the signature is, how it is written and what it covers. The key is the secret's text.

    With ``labels`` the header is like ``t=1700000000,v1=…,v1=…`` (Stripe, Paddle). In such a list, and in one
    of signatures with a prefix, versions that the scheme does not name do not count: senders add them.
    """

    headers: tuple[str, ...]
    prefix: str = ""
    encoding: SignatureEncoding = SignatureEncoding.HEX
    algorithm: SignatureAlgorithm = SignatureAlgorithm.SHA256
    content: SignedContent = _BODY
    timestamp: TimestampHeader | None = None
    labels: SignatureLabels | None = None
    written: TimestampFormat = TimestampFormat.SECONDS
    """How the time with a label is written."""
    id_header: str | None = None
    separator: SignatureSeparator = SignatureSeparator.NONE
    required: RequiredSignatures = RequiredSignatures.ALL
    pattern: re.Pattern[str] = field(init=False, repr=False, compare=False)
    """Of a signature as it is written, without the prefix."""
    digest: str = field(init=False, repr=False, compare=False)
    """The algorithm as ``hashlib`` names it."""
    covers_body_alone: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        has_time = self.timestamp is not None or (
            self.labels is not None and self.labels.timestamp is not None
        )
        is_alone = self.content.is_body_alone and not has_time and self.id_header is None
        object.__setattr__(self, "covers_body_alone", is_alone)
        object.__setattr__(self, "pattern", _pattern(self.encoding, self.algorithm))
        object.__setattr__(self, "digest", self.algorithm.value)

    def signature_check(self, signed: SignedRequest) -> SignatureCheck:
        """Read the request: strictly, and before any secret is looked at."""
        presented = []
        times: list[str] = []
        for name in self.headers:
            values = signed.request.values(name)
            # Another hop may have looked at either of two.
            header = self._presented(values[0]) if len(values) == 1 else None
            if values and header is None:
                return Reason.SIGNATURE_INVALID
            if header is not None:
                presented.append(header.signatures)
                times += header.times
        if not presented:
            return Reason.SIGNATURE_MISSING
        content = signed.body if self.covers_body_alone else self.signed_content(signed, times=times)
        if isinstance(content, Reason):
            return content
        return lambda secret: self.made_by(secret, presented=presented, content=content)

    def signatures(self, header: str) -> list[bytes]:
        """Return the signatures in a header, hex in lower case; none where one of them is malformed."""
        presented = self._presented(header)
        return [] if presented is None else presented.signatures

    def time_problem(self, signed: SignedRequest) -> str | None:
        """Return in words why the time of a request is none, where it looks like another format's."""
        time, written = self._time(signed)
        if time is None or (seconds_of(time, written=written) is not None and format_of(time) is written):
            return None
        looks = format_of(time)
        as_what = "" if looks is None else f" It looks like {_FORMATS[looks]}."
        return f"The time does not look like {_FORMATS[written]}, as this webhook expects it.{as_what}"

    def signed_content(self, signed: SignedRequest, *, times: Sequence[str] = ()) -> bytes | Reason:
        """Return what has to be signed, or why the request does not say it; ``times`` have a label."""
        if self.covers_body_alone:
            return signed.body
        labelled = self.labels is not None and self.labels.timestamp is not None
        values = {"body": signed.body}
        if labelled or self.timestamp is not None:
            if labelled:
                time, written = times[0] if len(times) == 1 else None, self.written
            else:
                time, written = self._time(signed)
            if time is None or not signed.is_timely(time, written=written):
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
        mac = _hmac_with(key, self.digest).copy()
        mac.update(content)
        if self.encoding is SignatureEncoding.HEX:
            return mac.hexdigest().encode()
        return base64.b64encode(mac.digest())

    def _time(self, signed: SignedRequest) -> tuple[str | None, TimestampFormat]:
        if self.timestamp is not None:
            return signed.header(self.timestamp.name), self.timestamp.written
        value = signed.header(self.headers[0])
        header = None if value is None else self._presented(value)
        times = [] if header is None else header.times
        return times[0] if len(times) == 1 else None, self.written

    def _presented(self, header: str) -> _Presented | None:
        """Return what a header holds; ``None`` where it is malformed, or has no signature."""
        if self.labels is not None:
            return self._labelled(header, labels=self.labels)
        if self.separator is SignatureSeparator.NONE:
            only = self._signature(header)
            return _Presented(signatures=[only], times=[]) if only else None
        parts = re.split(self.separator.value, header)
        if len(parts) > _MAX_SIGNATURES:
            return None
        made = [self._signature(part) for part in parts if not self._is_of_another_version(part)]
        signatures = [signature for signature in made if signature]
        is_whole = signatures and len(signatures) == len(made)
        return _Presented(signatures=signatures, times=[]) if is_whole else None

    def _labelled(self, header: str, *, labels: SignatureLabels) -> _Presented | None:
        parts = _SEPARATORS[labels.separator].split(header)
        matches = [_LABELLED.fullmatch(part) for part in parts]
        if len(parts) > _MAX_SIGNATURES or not all(matches):
            return None
        own = {labels.signature, labels.timestamp}
        pairs = [match.groups() for match in matches if match and match.group(1) in own]
        # A comma in a value is that of a header that was sent twice, which another hop has joined.
        if not all(_VALUE.fullmatch(value) for _, value in pairs):
            return None
        made = [self._signature(value) for label, value in pairs if label == labels.signature]
        signatures = [signature for signature in made if signature]
        times = [value for label, value in pairs if label == labels.timestamp]
        # Paddle's own example has a dummy value beside the right one.
        return _Presented(signatures=signatures, times=times) if signatures else None

    def _is_of_another_version(self, text: str) -> bool:
        """Tell whether a part has a prefix like this scheme's, and not this one: ``v2=`` for ``v1=``."""
        if not self.prefix or self.prefix[-1].isalnum() or text.startswith(self.prefix):
            return False
        label, _, _ = text.partition(self.prefix[-1])
        return label != text and _VERSION.fullmatch(label) is not None

    def _signature(self, text: str) -> bytes | None:
        if not text.startswith(self.prefix):
            return None
        signature = text[len(self.prefix) :]
        if self.encoding is SignatureEncoding.HEX:
            signature = signature.lower()
        return signature.encode() if self.pattern.fullmatch(signature) else None


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
        config.timestamp_format,
        config.signature_labels,
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
    written: TimestampFormat,
    labels: SignatureLabels | None,
) -> HmacScheme:
    usual = f"{algorithm}=" if labels is None else ""
    prefix = usual if own_prefix is None else own_prefix
    separator = SignatureSeparator.SPACE if "," in prefix else SignatureSeparator.SPACE_OR_COMMA
    return HmacScheme(
        headers=SIGNATURE_HEADERS if header is None else (header.lower(),),
        separator=SignatureSeparator.NONE if header is None else separator,
        prefix=prefix,
        encoding=encoding,
        algorithm=algorithm,
        content=signed_content_of(content),
        timestamp=TimestampHeader(name=timestamp.lower(), written=written) if timestamp else None,
        labels=labels,
        written=written,
        id_header=id_header.lower() if id_header else None,
    )


@lru_cache(maxsize=1024)
def _hmac_with(key: bytes, digest: str) -> hmac.HMAC:
    """Return how every HMAC with a key begins: OpenSSL takes longer to look the hash up than to hash 1 KB."""
    return hmac.new(key, digestmod=digest)


@lru_cache(maxsize=16)
def _pattern(encoding: SignatureEncoding, algorithm: SignatureAlgorithm) -> re.Pattern[str]:
    size = _BYTES[algorithm]
    if encoding is SignatureEncoding.HEX:
        return re.compile(rf"[0-9a-f]{{{2 * size}}}", re.ASCII)
    padding = -size % 3
    return re.compile(rf"[A-Za-z0-9+/]{{{(size + padding) // 3 * 4 - padding}}}={{{padding}}}", re.ASCII)
