"""What a body is: the value that a workflow gets, the format it was read as, and what is wrong with it.

What a sender writes on its body is often missing or wrong, so the content counts as much as the label. Damage
is repaired where it is, and never costs the rest. Whatever cannot be read is text, or base64, and says so.
"""

import base64
import re
from collections.abc import Collection
from enum import StrEnum
from typing import Any, Final

import msgspec

from trigger_bodies.charsets import UnknownCharsetError, decode, has_byte_order_mark, xml_charset
from trigger_bodies.content_encodings import DecodedTooLargeError, EncodingError, decoded
from trigger_bodies.files import without_largest
from trigger_bodies.forms import Form, TooManyFieldsError, form_of, unescaped
from trigger_bodies.json_values import TooDeepError, json_value
from trigger_bodies.media_types import MediaType, media_type_of
from trigger_bodies.multipart_forms import MultipartError, multipart_of

MAX_DECODED_BYTES: Final = 16 * 1024 * 1024
"""Of a compressed body: what it may be at most once it is decompressed."""


_JSON_START: Final = re.compile(rb"(?:\xef\xbb\xbf)?[ \t\r\n]*([\[{])")
_ESCAPED_JSON_START: Final = re.compile(rb"%(?:7[Bb]|5[Bb])")


class BodyFormat(StrEnum):
    """What a body was read as."""

    EMPTY = "empty"
    JSON = "json"
    FORM = "form"
    MULTIPART = "multipart"
    TEXT = "text"
    BINARY = "binary"
    """``{"base64": "…"}``."""


class ReadingProblem(StrEnum):
    """Why a body is not wholly what its sender meant: the first of these that was met."""

    ENCODING_UNKNOWN = "encoding_unknown"
    """``Content-Encoding``, or that of a part, names one that is not decoded here."""
    ENCODING_INVALID = "encoding_invalid"
    """The body is not in its ``Content-Encoding``, or a part not in its ``Content-Transfer-Encoding``."""
    TOO_LARGE = "too_large"
    """It decompresses to more than is read, or its value is more than a payload holds."""
    CHARSET_UNKNOWN = "charset_unknown"
    """``charset`` names none that there is; it was read as UTF-8."""
    REPLACED_CHARACTERS = "replaced_characters"
    """Some characters were none, and are U+FFFD."""
    INVALID_JSON = "invalid_json"
    """It claims to be JSON, or begins like it, and is text."""
    TOO_DEEP = "too_deep"
    """JSON that nests deeper than a payload may; it is text."""
    NUMBER_OUT_OF_RANGE = "number_out_of_range"
    """A number is beyond what a double holds, and is text."""
    INVALID_FORM = "invalid_form"
    """It claims to be a form, and is text."""
    INVALID_MULTIPART = "invalid_multipart"
    """It, or a part of it, claims to be multipart and is not taken apart: it is text or base64."""
    INVALID_JSON_FIELD = "invalid_json_field"
    """A field that should hold JSON does not, and is text."""


class ReadBody(msgspec.Struct, frozen=True, kw_only=True):
    """``value`` is JSON; ``problem`` is ``None`` where the body is what it claims to be."""

    value: Any
    format: BodyFormat
    problem: ReadingProblem | None = None


def read_body(
    body: bytes,
    *,
    content_type: str | None,
    content_encoding: str | None,
    json_fields: Collection[str] = (),
    max_decoded_bytes: int = MAX_DECODED_BYTES,
) -> ReadBody:
    """Read a body. Never fails: its request may have had its 202 and has to run.

    ``json_fields`` names the fields of forms whose text is JSON.
    """
    if not body:
        return ReadBody(value=None, format=BodyFormat.EMPTY)
    try:
        content = decoded(body, content_encoding=content_encoding, max_bytes=max_decoded_bytes)
    except DecodedTooLargeError:
        return _binary(body, problem=ReadingProblem.TOO_LARGE)
    except EncodingError as error:
        is_known = error.is_known
        problem = ReadingProblem.ENCODING_INVALID if is_known else ReadingProblem.ENCODING_UNKNOWN
        return _binary(body, problem=problem)
    if not content:
        return ReadBody(value=None, format=BodyFormat.EMPTY)
    media_type = media_type_of(content_type)
    if media_type.is_multipart_form and not _JSON_START.match(content):
        return _multipart(content, media_type=media_type, json_fields=json_fields)
    if not media_type.is_form:
        return _json_or_text(content, media_type=media_type)
    if (read := _json_in_place_of_form(content, media_type=media_type)) is not None:
        return read
    try:
        form = form_of(content, charset=media_type.charset)
    except TooManyFieldsError:
        text, _ = decode(content, charset=None)
        return ReadBody(value=text, format=BodyFormat.TEXT, problem=ReadingProblem.INVALID_FORM)
    return _form(form, json_fields=json_fields)


def without_largest_files(read: ReadBody, *, excess: int) -> ReadBody:
    """Return a form for a reader that has room for ``excess`` bytes less."""
    value = without_largest(read.value, excess=excess)
    return ReadBody(value=value, format=read.format, problem=ReadingProblem.TOO_LARGE)


def binary_body(body: bytes, *, problem: ReadingProblem | None) -> ReadBody:
    """Return a body as base64, for a reader that has no room for its value."""
    return _binary(body, problem=problem)


def _json_in_place_of_form(content: bytes, *, media_type: MediaType) -> ReadBody | None:
    """Return what has the label of a form, and is JSON: curl's ``-d``, or JSON escaped as a form's only name.

    No form has a name that begins with ``{"``: what begins so and is not JSON is text.
    """
    tries = [content, content.rstrip(b"=&\r\n")] if _begins_like_json(content) else []
    if _ESCAPED_JSON_START.match(content):
        tries.append(unescaped(content.rstrip(b"=&\r\n")))
    for text in dict.fromkeys(tries):
        read = _json_or_text(text, media_type=media_type)
        if read.format is BodyFormat.JSON or read.problem is ReadingProblem.TOO_DEEP:
            return read
    if tries and any(_begins_like_json_object(text) for text in tries):
        return _json_or_text(content, media_type=media_type)
    return None


def _json_or_text(content: bytes, *, media_type: MediaType) -> ReadBody:
    problem: ReadingProblem | None = None
    claims_json = media_type.is_json or media_type.is_form or media_type.is_multipart_form
    if claims_json or not media_type.name or (_begins_like_json(content) and not media_type.is_json_lines):
        try:
            value, problems = json_value(content, charset=media_type.charset)
            return ReadBody(value=value, format=BodyFormat.JSON, problem=_problem(problems))
        except TooDeepError:
            problem = ReadingProblem.TOO_DEEP
        except (ValueError, RecursionError):
            is_broken = claims_json or (not media_type.name and _begins_like_json_object(content))
            problem = ReadingProblem.INVALID_JSON if is_broken else None
    if media_type.is_binary or (not media_type.is_text and not _is_text(content)):
        return _binary(content, problem=problem)
    try:
        text, is_replaced = decode(content, charset=media_type.charset or xml_charset(content))
    except UnknownCharsetError:
        text, is_replaced = decode(content, charset=None)
        problem = problem or ReadingProblem.CHARSET_UNKNOWN
    if is_replaced and ("\0" in text or text.count("\ufffd") * 3 > len(text)):
        # So little of it is text that the bytes say more.
        return _binary(content, problem=problem or ReadingProblem.CHARSET_UNKNOWN)
    if is_replaced:
        problem = problem or ReadingProblem.REPLACED_CHARACTERS
    return ReadBody(value=text, format=BodyFormat.TEXT, problem=problem)


def _form(form: Form, *, json_fields: Collection[str]) -> ReadBody:
    value, problems = _with_json_fields(form.value, names=json_fields)
    return ReadBody(value=value, format=BodyFormat.FORM, problem=_problem([*form.problems, *problems]))


def _multipart(content: bytes, *, media_type: MediaType, json_fields: Collection[str]) -> ReadBody:
    try:
        form = multipart_of(content, boundary=media_type.parameters.get("boundary", ""))
    except MultipartError:
        problem = ReadingProblem.INVALID_MULTIPART
        if not _is_text(content):
            return _binary(content, problem=problem)
        return ReadBody(value=decode(content, charset=None)[0], format=BodyFormat.TEXT, problem=problem)
    value, problems = _with_json_fields(form.value, names=json_fields)
    return ReadBody(value=value, format=BodyFormat.MULTIPART, problem=_problem([*form.problems, *problems]))


def _with_json_fields(value: dict[str, Any], *, names: Collection[str]) -> tuple[dict[str, Any], list[str]]:
    problems: list[str] = []
    for name in names:
        if name not in value:
            continue
        field = value[name]
        texts = field if isinstance(field, list) else [field]
        values = [_json_field(text, problems=problems) for text in texts]
        value = {**value, name: values if isinstance(field, list) else values[0]}
    return value, problems


def _json_field(text: Any, *, problems: list[str]) -> Any:
    if not isinstance(text, str):
        return text
    try:
        value, repaired = json_value(text.encode("utf-8", "replace"), charset=None)
    except (ValueError, RecursionError):
        problems.append(ReadingProblem.INVALID_JSON_FIELD)
        return text
    problems += repaired
    return value


def _binary(body: bytes, *, problem: ReadingProblem | None) -> ReadBody:
    value = {"base64": base64.b64encode(body).decode("ascii")}
    return ReadBody(value=value, format=BodyFormat.BINARY, problem=problem)


def _problem(problems: Collection[str]) -> ReadingProblem | None:
    return next(map(ReadingProblem, problems), None)


def _is_text(content: bytes) -> bool:
    """Tell whether a body without a label is text: UTF-8 without NUL, or a byte order mark."""
    if has_byte_order_mark(content):
        return True
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return b"\0" not in content


def _begins_like_json(content: bytes) -> bool:
    return has_byte_order_mark(content) or _JSON_START.match(content) is not None


def _begins_like_json_object(content: bytes) -> bool:
    match = _JSON_START.match(content)
    return match is not None and match[1] == b"{"
