"""Conditions of requests (RFC 9110, 13): the versions that a change is meant for, and one that was seen."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Final, NamedTuple

from aiohttp import web

from trigger_api.usecases.command import ExpectedVersions, NamedVersions
from trigger_runtime.web.parameters import Header
from trigger_runtime.web.problem import ProblemError

ETAG: Final = {"ETag": "The version, in quotes, for If-Match."}

_LIST_ITEM: Final = re.compile(r"""[ \t]*(?:(?P<weak>W/)?"(?P<opaque>[^"\x00-\x20\x7f]*)")?[ \t]*(?:,|\Z)""")
"""One item of a list of entity tags (RFC 9110, 8.8.3); an item may be empty (5.6.1)."""
_VERSION: Final = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)
_SEND: Final = "Send the version that you have read, in quotes."
"""Without an example: its number would be taken for the version to send."""


class _Tag(NamedTuple):
    """An entity tag. ``version`` is ``None`` where this service never gave it."""

    text: str
    is_weak: bool
    version: int | None


def _tags(text: str) -> Iterator[_Tag]:
    """Yield the entity tags of a list. Raises ``ValueError`` for what is no such list."""
    end = 0
    while end < len(text):
        item = _LIST_ITEM.match(text, end)
        if item is None:
            raise ValueError("not a list of entity tags")
        end = item.end()
        if item["opaque"] is not None:
            version = int(item["opaque"]) if _VERSION.fullmatch(item["opaque"]) else None
            yield _Tag(item["opaque"], is_weak=bool(item["weak"]), version=version)


def etag_of(version: int) -> dict[str, str]:
    """Return the header that names a version."""
    return {"ETag": f'"{version}"'}


class MissingIfMatch:
    """The request has no ``If-Match``, which the settings may require."""


_MISSING: Final = MissingIfMatch()


def _read_if_match(request: web.Request) -> ExpectedVersions | MissingIfMatch:
    """Return the versions that ``If-Match`` names (RFC 9110, 13.1.1); ``None`` for ``*``.

    Weak tags and tags that this service never gave match nothing. A header that is no list of tags matches
    nothing at all.
    """
    lines = request.headers.getall("If-Match", [])
    if not lines:
        return _MISSING
    text = ", ".join(line.strip() for line in lines)
    if text == "*":
        return None
    try:
        tags = list(_tags(text))
    except ValueError:
        return NamedVersions(frozenset(), why_not=_why_malformed(text))
    strong = frozenset(tag.version for tag in tags if tag.version is not None and not tag.is_weak)
    passed_over = [tag for tag in tags if tag.version is None or tag.is_weak]
    why_not = _why_passed_over(passed_over[0]) if passed_over else None if tags else _why_malformed("")
    return NamedVersions(strong, why_not=why_not)


def _why_malformed(text: str) -> str:
    """Say why a header names no version, whatever the version is."""
    if not text:
        return f"If-Match is empty. {_SEND}"
    if '"' not in text:
        return f"If-Match takes the tag with its quotes. {_SEND}"
    return f"If-Match is no list of tags in quotes. {_SEND}"


def _why_passed_over(tag: _Tag) -> str:
    """Say why a tag in ``If-Match`` matches nothing, whatever the version is."""
    if tag.is_weak:
        return (
            "A weak tag (W/) matches nothing in If-Match (RFC 9110, 13.1.1). "
            f"A proxy that compresses makes tags weak. {_SEND}"
        )
    if _VERSION.match(tag.text):
        return f"A proxy that compresses has added to the tag in If-Match, as -gzip. {_SEND}"
    return f"If-Match names a tag that this API never gave: they are numbers in quotes. {_SEND}"


IfMatch = Annotated[
    ExpectedVersions | MissingIfMatch,
    Header(
        name="If-Match",
        read=_read_if_match,
        schema={"type": "string", "examples": ['"3"']},
        description="The ETag of the version that the change is meant for; another version is a 412.",
        errors=(412, 428),
    ),
]


@dataclass(frozen=True, slots=True)
class Preconditions:
    """Whether a change must name the version that it is meant for."""

    required: bool

    def versions(self, if_match: ExpectedVersions | MissingIfMatch, *, body: Any = None) -> ExpectedVersions:
        """Return the expected versions: those of ``If-Match``, and the ``version`` of a body that GET gave.

        Raises ``ProblemError`` 428 where they are missing and required.
        """
        seen = body.get("version") if isinstance(body, dict) else None
        if not isinstance(if_match, MissingIfMatch):
            if if_match is None:
                return NamedVersions(frozenset({seen})) if type(seen) is int else None
            if type(seen) is not int:
                return if_match
            return NamedVersions(if_match.versions & {seen}, why_not=if_match.why_not)
        if type(seen) is int:
            return NamedVersions(frozenset({seen}))
        if self.required:
            detail = "Send If-Match with the ETag of the version that you have seen."
            raise ProblemError(428, code="precondition_required", detail=detail)
        return None


@dataclass(frozen=True, slots=True)
class SeenVersions:
    """The versions that a client has; ``any`` of them for ``*``."""

    versions: frozenset[int] | None = frozenset()

    def has(self, version: int) -> bool:
        """Tell whether the client has a version, so that it need not be sent."""
        return self.versions is None or version in self.versions


def _read_if_none_match(request: web.Request) -> SeenVersions:
    """Return the versions that ``If-None-Match`` names (RFC 9110, 13.1.2).

    The comparison is weak: a proxy that makes a tag weak does not change what it names. What is no list of
    tags names nothing, and the answer is sent in full.
    """
    text = ", ".join(line.strip() for line in request.headers.getall("If-None-Match", []))
    if text == "*":
        return SeenVersions(None)
    try:
        return SeenVersions(frozenset(tag.version for tag in _tags(text) if tag.version is not None))
    except ValueError:
        return SeenVersions()


IfNoneMatch = Annotated[
    SeenVersions,
    Header(
        name="If-None-Match",
        read=_read_if_none_match,
        schema={"type": "string", "examples": ['"3"', 'W/"3"']},
        description="ETags of versions that the client has: while it is one of them, the answer is a 304.",
    ),
]
