"""Bytes to text: a byte order mark counts most, then the declared charset, then UTF-8 (Encoding standard)."""

import codecs
import re
from typing import Final

import webencodings

_MARKS: Final = (
    # UTF-32's little-endian mark begins with UTF-16's.
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_UTF_32: Final = {"utf-32": "utf-32-le", "utf-32le": "utf-32-le", "utf-32be": "utf-32-be"}
"""The Encoding standard has none of them; some senders do."""


_WIDE: Final = ("utf-16", "utf-32")
_XML_DECLARATION: Final = re.compile(
    rb"<\?xml\s[^>]{0,100}?encoding\s*=\s*[\"']([A-Za-z][A-Za-z0-9._-]{0,40})[\"']"
)


class UnknownCharsetError(ValueError):
    """There is no such charset."""


def has_byte_order_mark(content: bytes) -> bool:
    """Tell whether a text says itself how it is encoded."""
    return content.startswith(tuple(mark for mark, _ in _MARKS))


def codec_of(charset: str | None) -> str:
    """Return Python's codec for a label of the Encoding standard; UTF-8 for none.

    Python's own names are not taken: some of its codecs are no charsets (``zip``, ``rot13``). Raises
    ``UnknownCharsetError``.
    """
    if charset is None:
        return "utf-8"
    label = charset.strip().strip("\"'").lower()
    if label in _UTF_32:
        return _UTF_32[label]
    encoding = webencodings.lookup(label)
    if encoding is None:
        raise UnknownCharsetError(label)
    name = str(encoding.codec_info.name)
    try:
        # The standard's "replacement" and "x-user-defined" are no codecs, and decode nothing.
        return codecs.lookup(name).name
    except LookupError:
        raise UnknownCharsetError(label) from None


def is_wide(codec: str) -> bool:
    """Tell whether a codec writes ASCII's characters as more than one byte."""
    return codec.startswith(_WIDE)


def xml_charset(content: bytes) -> str | None:
    """Return the charset of an XML declaration (XML 1.0, 4.3.3), which bytes of one width can be read for."""
    match = _XML_DECLARATION.match(content)
    label = match[1].decode("ascii") if match else None
    # What is readable as ASCII is in no wide charset, whatever it says.
    return (
        None if label is None or label.lower().startswith(("utf-16", "utf-32", "ucs", "iso-10646")) else label
    )


def decode(content: bytes, *, charset: str | None) -> tuple[str, bool]:
    """Return the text without its byte order mark, and whether some of it had to become U+FFFD.

    Raises ``UnknownCharsetError``.
    """
    for mark, codec in _MARKS:
        if content.startswith(mark):
            return _decode(content[len(mark) :], codec)
    return _decode(content, codec_of(charset))


def _decode(content: bytes, codec: str) -> tuple[str, bool]:
    try:
        return content.decode(codec), False
    except UnicodeError:
        return content.decode(codec, "replace"), True
