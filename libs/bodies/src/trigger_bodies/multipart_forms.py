"""``multipart/form-data`` (RFC 7578): its fields as texts, its files with their content."""

import base64
from dataclasses import dataclass, field
from typing import Any, Final

import multipart

from trigger_bodies.charsets import UnknownCharsetError, decode
from trigger_bodies.forms import Form
from trigger_bodies.json_values import json_value
from trigger_bodies.media_types import media_type_of
from trigger_contracts.payloads import group_values

MAX_PARTS: Final = 1_000
_MAX_HEADER_BYTES: Final = 8 * 1024
_MAX_HEADERS: Final = 16


class MultipartError(ValueError):
    """The body is not in the form that it claims."""


@dataclass(slots=True, kw_only=True)
class _Part:
    name: str
    filename: str | None
    content_type: str
    chunks: list[bytes] = field(default_factory=list)

    def value(self, problems: list[str]) -> Any:
        """Return a file as an object, a field as its text, or as JSON where it is labelled so."""
        content = b"".join(self.chunks)
        if self.filename is not None:
            return {
                "name": self.filename,
                "type": self.content_type or None,
                "size": len(content),
                "base64": base64.b64encode(content).decode("ascii"),
            }
        media_type = media_type_of(self.content_type)
        if media_type.is_json:
            try:
                read, repaired = json_value(content, charset=media_type.charset)
            except (ValueError, RecursionError):
                problems.append("invalid_json_field")
            else:
                problems += repaired
                return read
        try:
            text, is_replaced = decode(content, charset=media_type.charset)
        except UnknownCharsetError:
            problems.append("charset_unknown")
            text, is_replaced = decode(content, charset=None)
        if is_replaced:
            problems.append("replaced_characters")
        return text


def multipart_of(content: bytes, *, boundary: str) -> Form:
    """Read a form with files; a repeated name has the list of its values. Raises ``MultipartError``."""
    if not boundary or len(boundary) > 200:
        raise MultipartError("no boundary")
    parts: list[_Part] = []
    try:
        with multipart.PushMultipartParser(
            boundary.encode("latin-1", "replace"),
            content_length=len(content),
            max_header_size=_MAX_HEADER_BYTES,
            max_header_count=_MAX_HEADERS,
            max_segment_count=MAX_PARTS,
        ) as parser:
            for event in [*parser.parse(content), *parser.parse(b"")]:
                if isinstance(event, multipart.MultipartSegment):
                    parts.append(
                        _Part(name=event.name, filename=event.filename, content_type=_content_type(event))
                    )
                elif event:
                    parts[-1].chunks.append(bytes(event))
    except (multipart.MultipartError, UnicodeError, AssertionError) as error:
        raise MultipartError(str(error)) from None
    problems: list[str] = []
    value = _grouped([(part.name, part.value(problems)) for part in parts])
    return Form(value=value, problems=tuple(dict.fromkeys(problems)))


def _grouped(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return dict(group_values(pairs))


def _content_type(segment: Any) -> str:
    return str(segment.header("Content-Type", ""))
