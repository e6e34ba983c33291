"""``multipart/form-data`` (RFC 7578): its fields as texts, its files with their content."""

import base64
import binascii
import re
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote_to_bytes

import multipart

from trigger_bodies.charsets import UnknownCharsetError, codec_of, decode
from trigger_bodies.files import file_value
from trigger_bodies.forms import Form
from trigger_bodies.json_values import json_value
from trigger_bodies.media_types import media_type_of
from trigger_contracts.payloads import group_values

MAX_PARTS: Final = 1_000
_FIRST_LINE: Final = re.compile(rb"(?:\r?\n)*--([0-9A-Za-z'()+_,./:=?-]{1,200})\r?\n")
_EXTENDED_NAME: Final = re.compile(r";\s*filename\*\s*=\s*([\w-]*)'[\w-]*'([^;\s]*)", re.IGNORECASE)
_MAX_HEADER_BYTES: Final = 8 * 1024
_MAX_HEADERS: Final = 16
_MAX_BOUNDARY: Final = 200


class MultipartError(ValueError):
    """The body is not in the form that it claims."""


@dataclass(slots=True, kw_only=True)
class _Part:
    name: str
    filename: str | None
    content_type: str
    transfer_encoding: str
    chunks: list[bytes] = field(default_factory=list)

    def content(self, problems: list[str]) -> bytes:
        """Return the bytes without their ``Content-Transfer-Encoding``, which RFC 7578, 4.7, retired."""
        content = b"".join(self.chunks)
        match self.transfer_encoding.strip().lower():
            case "base64":
                try:
                    return base64.b64decode(b"".join(content.split()), validate=True)
                except binascii.Error:
                    problems.append("encoding_invalid")
            case "quoted-printable":
                return binascii.a2b_qp(content)
            case "" | "7bit" | "8bit" | "binary":
                pass
            case _:
                problems.append("encoding_unknown")
        return content

    def value(self, content: bytes, *, problems: list[str], charset: str | None) -> Any:
        """Return a file as an object, a field as its text, or as JSON where it is labelled so."""
        media_type = media_type_of(self.content_type)
        if self.filename is not None or (media_type.is_no_text and not _is_utf_8(content)):
            return file_value(content, name=self.filename, content_type=self.content_type or None)
        if media_type.name.startswith("multipart/"):
            # RFC 7578, 4.3, retired forms within forms: a file has a part of its own.
            problems.append("invalid_multipart")
        if media_type.is_json:
            try:
                read, repaired = json_value(content, charset=media_type.charset)
            except (ValueError, RecursionError):
                problems.append("invalid_json_field")
            else:
                problems += repaired
                return read
        try:
            text, is_replaced = decode(content, charset=media_type.charset or charset)
        except UnknownCharsetError:
            problems.append("charset_unknown")
            text, is_replaced = decode(content, charset=None)
        if is_replaced:
            problems.append("replaced_characters")
        return text


def multipart_of(content: bytes, *, boundary: str) -> Form:
    """Read a form with files; a repeated name has the list of its values. Raises ``MultipartError``."""
    mark = boundary.encode("latin-1", "replace") or _first_boundary(content)
    if len(mark) > _MAX_BOUNDARY:
        raise MultipartError("the boundary is too long")
    parts: list[_Part] = []
    problems: list[str] = []
    # Where no line ends otherwise, each of the bare ones can be told again.
    has_bare_lines = content.lstrip(b"\n").startswith(b"--" + mark + b"\n") and b"\r\n" not in content
    if has_bare_lines:
        content = content.replace(b"\n", b"\r\n")
    try:
        with multipart.PushMultipartParser(
            mark,
            content_length=len(content),
            max_header_size=_MAX_HEADER_BYTES,
            max_header_count=_MAX_HEADERS,
            max_segment_count=MAX_PARTS,
            # Whatever the bytes of a name are, they come back: see _text.
            header_charset="latin-1",
        ) as parser:
            for event in [*parser.parse(content), *parser.parse(b"")]:
                if isinstance(event, multipart.MultipartSegment):
                    parts.append(_part(event, problems=problems))
                elif event:
                    chunk = bytes(event)
                    parts[-1].chunks.append(chunk.replace(b"\r\n", b"\n") if has_bare_lines else chunk)
    except (multipart.MultipartError, UnicodeError, AssertionError) as error:
        raise MultipartError(str(error)) from None
    contents = [part.content(problems) for part in parts]
    pairs = list(zip(parts, contents, strict=True))
    charset = next((_label(content) for part, content in pairs if part.name == "_charset_"), None)
    values = [(part.name, part.value(content, problems=problems, charset=charset)) for part, content in pairs]
    value = dict(group_values(values))
    return Form(value=value, problems=tuple(dict.fromkeys(problems)))


def _first_boundary(content: bytes) -> bytes:
    """Return the boundary that the body begins with: a sender that sets its label by hand leaves it out."""
    match = _FIRST_LINE.match(content)
    if match is None:
        raise MultipartError("no boundary")
    return match[1]


def _part(segment: Any, *, problems: list[str]) -> _Part:
    filename = segment.filename
    if filename is None and (match := _EXTENDED_NAME.search(segment.header("Content-Disposition", ""))):
        # RFC 7578, 4.2, has senders not use it (RFC 8187); some do, and it is a file all the same.
        filename = unquote_to_bytes(match[2]).decode("latin-1")
    return _Part(
        name=_text(segment.name, problems=problems),
        filename=None if filename is None else _text(filename, problems=problems),
        content_type=str(segment.header("Content-Type", "")),
        transfer_encoding=str(segment.header("Content-Transfer-Encoding", "")),
    )


def _text(header: str, *, problems: list[str]) -> str:
    text, is_replaced = decode(header.encode("latin-1", "replace"), charset=None)
    if is_replaced:
        problems.append("replaced_characters")
    return text


def _is_utf_8(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def _label(content: bytes) -> str | None:
    """Return the default charset that a form states in a field (RFC 7578, 4.6), where there is such a one."""
    label = content.decode("ascii", "replace")
    try:
        codec_of(label)
    except UnknownCharsetError:
        return None
    return label
