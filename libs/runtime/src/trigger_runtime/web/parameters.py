"""What a URL and its headers say: the type of each parameter reads it and documents it."""

import base64
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Union, get_args, get_origin, get_type_hints
from uuid import UUID

import msgspec
from aiohttp import web

from trigger_runtime.web.problem import ProblemError, not_found

_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)
_LONGEST_CURSOR: Final = 1000
_UUID_SCHEMA: Final = {"type": "string", "format": "uuid"}

Parse = Callable[[str], Any]
"""Reads a text; raises ``ValueError`` with what is expected, as it goes on after "Expected"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """``where`` is ``path``, ``query`` or ``header``; ``schema`` is a JSON Schema."""

    name: str
    where: str
    schema: Mapping[str, Any]
    description: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class Argument:
    """How an argument of a handler is read, documented, and refused with which statuses."""

    read: Callable[[web.Request], Any]
    parameters: tuple[Parameter, ...] = ()
    errors: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """A request header, as metadata of the type that a handler takes it as.

    ``read`` may raise ``ProblemError``; ``errors`` are the statuses that the header can lead to.
    """

    name: str
    read: Callable[[web.Request], Any]
    schema: Mapping[str, Any]
    description: str
    errors: tuple[int, ...] = ()

    @property
    def argument(self) -> Argument:
        """How it is read and documented."""
        parameter = Parameter(
            name=self.name, where="header", schema=self.schema, description=self.description
        )
        return Argument(self.read, (parameter,), self.errors)


class NoQuery(msgspec.Struct, frozen=True):
    """The query of an operation that refuses every parameter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Field:
    attribute: str
    parse: Parse
    parameter: Parameter


def query_argument(kind: type[msgspec.Struct]) -> Argument:
    """Return how a query is read into a Struct, whose fields are its parameters.

    A field is a UUID, a bool, a number, an enumeration, an RFC 3339 time, a text, a union of these, or a
    Struct: that one is a page cursor. ``ProblemError`` 400 names everything that is wrong, unknown and
    repeated parameters too: a filter must not be ignored.
    """
    hints = get_type_hints(kind, include_extras=True)
    fields = {one.encode_name: _field(one, hint=hints[one.name]) for one in msgspec.structs.fields(kind)}
    required = [name for name, one in fields.items() if one.parameter.required]

    def read(request: web.Request) -> Any:
        # Most requests have no query: their address need not be parsed.
        if not required and "?" not in request.raw_path:
            return kind()
        query, values, problems = request.query, dict[str, Any](), list[str]()
        for name in dict.fromkeys(query):
            one = fields.get(name)
            if one is None:
                problems.append(_problem(name, "There is no such parameter"))
            elif len(query.getall(name)) > 1:
                problems.append(_problem(name, "It is there more than once"))
            else:
                try:
                    values[one.attribute] = one.parse(query[name])
                except ValueError as error:
                    problems.append(_problem(name, f"Expected {error}"))
        problems += [_problem(name, "This is required") for name in required if name not in query]
        if problems:
            raise ProblemError(400, code="bad_parameter", detail=" ".join(problems))
        return kind(**values)

    return Argument(read, tuple(one.parameter for one in fields.values()), (400,))


def path_argument(name: str, *, noun: str) -> Argument:
    """Return how an id in the path is read. A text that is not an id names nothing: 404."""

    def read(request: web.Request) -> UUID:
        text = request.match_info[name]
        if not _UUID.fullmatch(text):
            raise not_found(noun)
        return UUID(text)

    parameter = Parameter(name=name, where="path", schema=_UUID_SCHEMA, description="Its id.", required=True)
    return Argument(read, (parameter,), (404,))


def uuid_in(text: str) -> UUID | None:
    """Return the UUID, or ``None`` for any spelling but the usual one; ``UUID()`` takes braces and more."""
    return UUID(text) if _UUID.fullmatch(text) else None


def encode_cursor(key: msgspec.Struct) -> str:
    """Return the opaque cursor of a page's last key."""
    return base64.urlsafe_b64encode(msgspec.json.encode(key)).decode().rstrip("=")


def _problem(name: str, reason: str) -> str:
    return f"Query parameter {name[:50]!r}: {reason}."


def _field(one: msgspec.structs.FieldInfo, *, hint: Any) -> _Field:
    members, metadata = _members(hint)
    rules = {
        name: value
        for meta in metadata
        for name in ("ge", "le", "min_length", "max_length", "description", "extra_json_schema")
        if (value := getattr(meta, name)) is not None
    }
    readers = [_reader(member, rules=rules) for member in members]
    schemas = [schema for _, schema in readers]
    schema = {
        **(schemas[0] if len(schemas) == 1 else {"anyOf": schemas}),
        **rules.get("extra_json_schema", {}),
    }
    if one.default not in (None, msgspec.NODEFAULT):
        schema["default"] = msgspec.to_builtins(one.default)
    parameter = Parameter(
        name=one.encode_name,
        where="query",
        schema=schema,
        description=rules.get("description", ""),
        required=one.required,
    )
    return _Field(attribute=one.name, parse=_first_of([parse for parse, _ in readers]), parameter=parameter)


def _members(hint: Any) -> tuple[list[Any], list[msgspec.Meta]]:
    """Return the types that a hint joins, without ``None``, and what is annotated."""
    if get_origin(hint) is Annotated:
        members, metadata = _members(get_args(hint)[0])
        return members, [*metadata, *(one for one in get_args(hint)[1:] if isinstance(one, msgspec.Meta))]
    if get_origin(hint) in (Union, UnionType):
        parts = [_members(one) for one in get_args(hint) if one is not NoneType]
        return [one for members, _ in parts for one in members], [
            one for _, metadata in parts for one in metadata
        ]
    return [hint], []


def _first_of(parsers: Sequence[Parse]) -> Parse:
    if len(parsers) == 1:
        return parsers[0]

    def parse(text: str) -> Any:
        expected = []
        for one in parsers:
            try:
                return one(text)
            except ValueError as error:
                expected.append(str(error))
        raise ValueError(" or ".join(expected))

    return parse


def _reader(kind: Any, *, rules: Mapping[str, Any]) -> tuple[Parse, dict[str, Any]]:
    if kind is UUID:
        return _uuid, dict(_UUID_SCHEMA)
    if kind is bool:
        return _one_of({"true": True, "false": False})
    if kind is datetime:
        return _time, {"type": "string", "format": "date-time"}
    if kind is int:
        return _number(lowest=rules["ge"], highest=rules["le"])
    if kind is str:
        return _text(shortest=rules.get("min_length", 1), longest=rules["max_length"])
    if issubclass(kind, Enum):
        return _one_of({str(member.value): member for member in kind})
    if issubclass(kind, msgspec.Struct):
        return _cursor(kind), {"type": "string", "format": "cursor", "maxLength": _LONGEST_CURSOR}
    raise TypeError(f"a query parameter cannot be {kind}")


def _uuid(text: str) -> UUID:
    parsed = uuid_in(text)
    if parsed is None:
        raise ValueError("a UUID")
    return parsed


def _one_of(values: Mapping[str, Any]) -> tuple[Parse, dict[str, Any]]:
    def parse(text: str) -> Any:
        if text not in values:
            raise ValueError(f"one of {', '.join(values)}")
        return values[text]

    return parse, {"type": "string", "enum": list(values)}


def _number(*, lowest: int, highest: int) -> tuple[Parse, dict[str, Any]]:
    def parse(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", text, re.ASCII) or not lowest <= int(text) <= highest:
            raise ValueError(f"a number from {lowest} to {highest}")
        return int(text)

    return parse, {"type": "integer", "minimum": lowest, "maximum": highest}


def _text(*, shortest: int, longest: int) -> tuple[Parse, dict[str, Any]]:
    def parse(text: str) -> str:
        if not shortest <= len(text) <= longest or "\0" in text:
            raise ValueError(f"{shortest} to {longest} characters")
        return text

    schema = {"type": "string", "minLength": shortest, "maxLength": longest, "pattern": r"^[^\u0000]+$"}
    return parse, schema


def _time(text: str) -> datetime:
    try:
        # A "+" that was not escaped arrives as a space.
        moment = msgspec.convert(text.replace(" ", "+"), datetime)
        if moment.tzinfo is None:
            raise ValueError("no zone")
        # In UTC a time at either end of the calendar can be outside of it.
        return moment.astimezone(UTC)
    except (msgspec.ValidationError, ValueError, OverflowError):
        raise ValueError("an RFC 3339 time with a zone, like 2026-01-31T09:00:00Z") from None


def _cursor(kind: type[msgspec.Struct]) -> Parse:
    def parse(text: str) -> Any:
        try:
            if len(text) > _LONGEST_CURSOR or not text.isascii():
                raise ValueError("not a cursor")
            data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
            return msgspec.json.decode(data, type=kind)
        except (ValueError, msgspec.MsgspecError):
            raise ValueError("the nextCursor of an earlier page") from None

    return parse
