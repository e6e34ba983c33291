"""``Content-Encoding`` (RFC 9110, 8.4): gzip and deflate are taken off, within bounds."""

import zlib
from typing import Final

_MAX_ENCODINGS: Final = 3
_MAX_RATIO: Final = 100
_ANY_RATIO_BYTES: Final = 1024 * 1024
"""A body that is small at last may have been any size before: JSON of equal items is compressed a lot."""
_GZIP: Final = frozenset({"gzip", "x-gzip"})
_MAX_GZIP_MEMBERS: Final = 256
"""Each costs a copy of the rest: block-wise gzip of what is read at all has fewer."""
_UNSUPPORTED: Final = frozenset({"br", "zstd", "compress", "x-compress", "dcb", "dcz", "exi", "pack200-gzip"})
"""The registered ones that are not decoded here. Any other word is no encoding, such as ``utf-8``."""
_GZIP_OR_ZLIB: Final = zlib.MAX_WBITS | 32
_GZIP_MAGIC: Final = b"\x1f\x8b"
_NOT_DEFLATED: Final = frozenset({b"{", b"[", b"<"})
"""How JSON and XML begin, and no block of deflate that a compressor writes."""


class EncodingError(ValueError):
    """The body is not in its encoding, or that is not decoded here."""

    def __init__(self, detail: str, *, is_known: bool) -> None:
        super().__init__(detail)
        self.is_known = is_known


class DecodedTooLargeError(ValueError):
    """The body decompresses to more than is read."""


def encodings_of(content_encoding: str | None) -> list[str]:
    """Return the encodings in the order in which they were applied, without words that are none."""
    words = [word.partition(";")[0].strip().lower() for word in (content_encoding or "").split(",")]
    return [word for word in words if word in _GZIP or word == "deflate" or word in _UNSUPPORTED]


def decoded(body: bytes, *, content_encoding: str | None, max_bytes: int) -> bytes:
    """Return a body as it was before it was encoded.

    A body that does not begin as gzip is not in it, whatever the header says, and one that begins as JSON is
    not in deflate: proxies decompress and leave the header.

    It may become ``max_bytes``, and beyond 1 MiB a hundred times of what was sent: few bytes must not make a
    reader work for seconds. Raises ``EncodingError``, ``DecodedTooLargeError``.
    """
    if not content_encoding:
        return body
    max_bytes = min(max_bytes, max(_ANY_RATIO_BYTES, _MAX_RATIO * len(body)))
    encodings = encodings_of(content_encoding)
    if len(encodings) > _MAX_ENCODINGS:
        raise EncodingError("too many encodings", is_known=False)
    for encoding in reversed(encodings):
        if encoding in _UNSUPPORTED:
            raise EncodingError(encoding, is_known=False)
        if encoding == "deflate":
            body = _inflated(body, max_bytes=max_bytes)
        elif body.startswith(_GZIP_MAGIC) or _is_zlib(body):
            body = _decompressed(body, wbits=_GZIP_OR_ZLIB, max_bytes=max_bytes)
    return body


def _inflated(body: bytes, *, max_bytes: int) -> bytes:
    """``deflate`` is zlib's format (RFC 9110, 8.4.1.2); some senders leave its frame away, or send gzip."""
    try:
        return _decompressed(body, wbits=_GZIP_OR_ZLIB, max_bytes=max_bytes)
    except EncodingError:
        if body.lstrip()[:1] in _NOT_DEFLATED:
            return body
        return _decompressed(body, wbits=-zlib.MAX_WBITS, max_bytes=max_bytes)


def _is_zlib(body: bytes) -> bool:
    """Tell whether a body begins as zlib's format does (RFC 1950, 2.2)."""
    return len(body) > 2 and body[0] & 0x0F == zlib.DEFLATED and int.from_bytes(body[:2], "big") % 31 == 0


def _decompressed(body: bytes, *, wbits: int, max_bytes: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    while body:
        decompressor = zlib.decompressobj(wbits)
        try:
            part = decompressor.decompress(body, max_bytes - size + 1)
        except zlib.error as error:
            if parts:
                # Padding after the last member, as some servers send it.
                break
            raise EncodingError(str(error), is_known=True) from None
        parts.append(part)
        size += len(part)
        if size > max_bytes or len(parts) > _MAX_GZIP_MEMBERS:
            raise DecodedTooLargeError
        if not decompressor.eof:
            raise EncodingError("it ends too early", is_known=True)
        body = decompressor.unused_data if decompressor.unused_data.startswith(_GZIP_MAGIC) else b""
    return b"".join(parts)
