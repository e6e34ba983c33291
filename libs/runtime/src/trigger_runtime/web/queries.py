"""What a URL says: ids in paths, filters and page cursors in queries."""

import base64
import binascii
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
from aiohttp import web

from trigger_runtime.web.parameters import encode_cursor, uuid_in
from trigger_runtime.web.problem import ProblemError, not_found

__all__ = ["encode_cursor", "uuid_in"]


def path_id(request: web.Request, *, what: str, name: str = "id") -> UUID:
    """Return an id from the path. What is not even an id names nothing: ``ProblemError`` 404."""
    value = uuid_in(request.match_info[name])
    if value is None:
        raise not_found(what)
    return value


def refuse_unknown(request: web.Request, *, known: Iterable[str]) -> None:
    """Raise ``ProblemError`` 400 for a query parameter that does not exist, or stands there twice.

    A filter must not be ignored.
    """
    names = frozenset(known)
    for name in request.query:
        if name not in names:
            raise _bad(name, "There is no such parameter")
        if len(request.query.getall(name)) > 1:
            raise _bad(name, "It is given more than once")


def uuid_of(request: web.Request, name: str) -> UUID | None:
    """Return a query parameter that is an id."""
    text = request.query.get(name)
    if text is None:
        return None
    value = uuid_in(text)
    if value is None:
        raise _bad(name, "Expected a UUID")
    return value


def choice_of(request: web.Request, name: str, *, among: Iterable[str]) -> str | None:
    """Return a query parameter that is one of a list."""
    text = request.query.get(name)
    allowed = tuple(among)
    if text is not None and text not in allowed:
        raise _bad(name, f"Expected one of {', '.join(allowed)}")
    return text


def text_of(request: web.Request, name: str, *, longest: int) -> str | None:
    """Return a query parameter that is free text, of 1 to ``longest`` characters, without NUL."""
    text = request.query.get(name)
    if text is None:
        return None
    if not 1 <= len(text) <= longest or "\0" in text:
        raise _bad(name, f"Expected 1 to {longest} characters")
    return text


def time_of(request: web.Request, name: str) -> datetime | None:
    """Return a query parameter that is an RFC 3339 time."""
    text = request.query.get(name)
    if text is None:
        return None
    try:
        # A "+" that was not escaped arrives as a space.
        moment = msgspec.convert(text.replace(" ", "+"), datetime)
        if moment.tzinfo is None:
            raise ValueError("no zone")
        # In UTC a time at either end of the calendar can be outside of it.
        return moment.astimezone(UTC)
    except (msgspec.ValidationError, ValueError, OverflowError):
        raise _bad(name, "Expected an RFC 3339 time with a zone, like 2026-01-31T09:00:00Z") from None


def limit_of(request: web.Request, *, default: int = 50, highest: int = 200) -> int:
    """Return how many items a page may hold."""
    return number_of(request, "limit", default=default, highest=highest)


def number_of(request: web.Request, name: str, *, default: int, highest: int) -> int:
    """Return a query parameter that is a number from 1 to ``highest`` (of at most six digits)."""
    text = request.query.get(name)
    if text is None:
        return default
    if not re.fullmatch(r"[0-9]{1,6}", text, re.ASCII) or not 1 <= int(text) <= highest:
        raise _bad(name, f"Expected a number from 1 to {highest}")
    return int(text)


def cursor_of(request: web.Request, kind: Any) -> Any:
    """Return the key in the ``cursor`` parameter, ``None`` where there is none."""
    text = request.query.get("cursor")
    if text is None:
        return None
    try:
        if len(text) > 1000 or not text.isascii():
            raise ValueError("not a cursor")
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        return msgspec.json.decode(data, type=kind)
    except (ValueError, binascii.Error, msgspec.MsgspecError):
        raise _bad("cursor", "Expected the nextCursor of an earlier answer") from None


def _bad(name: str, reason: str) -> ProblemError:
    return ProblemError(400, code="bad_parameter", detail=f"Query parameter {name[:50]!r}: {reason}.")
