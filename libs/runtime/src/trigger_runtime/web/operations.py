"""What an HTTP API offers: each operation once, for the router, the OpenAPI document and the tests.

An operation that is not in the registry has no route, so the document cannot forget one.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

JSON: Final = "application/json"
MERGE_PATCH: Final = "application/merge-patch+json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """``where`` is ``path``, ``query`` or ``header``; ``schema`` is a JSON Schema."""

    name: str
    where: str
    schema: Mapping[str, Any]
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """``kind`` is the type that decodes it, or one of ``others``. ``optional`` bodies may be left out."""

    kind: Any
    others: tuple[Any, ...] = ()
    media_types: tuple[str, ...] = (JSON,)
    optional: bool = False

    @property
    def kinds(self) -> tuple[Any, ...]:
        """Every type that may decode it."""
        return (self.kind, *self.others)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A success. ``links`` says which operations take what from it: operation id → parameter → expression."""

    status: int
    description: str
    kind: Any = None
    media_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    links: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method at one path template (``/api/things/{id}``).

    ``scope`` is what a token must hold; ``None`` needs no token. ``problems`` are the statuses that are
    refusals; 401 and 403 follow from the scope, and everything may be 500 or 503.
    """

    id: str
    method: str
    path: str
    handler: Handler
    tag: str
    summary: str
    answer: Answer
    description: str = ""
    scope: str | None = None
    parameters: tuple[Parameter, ...] = ()
    body: Body | None = None
    problems: tuple[int, ...] = ()

    def route(self) -> web.RouteDef:
        """Return the router's entry."""
        return web.route(self.method, self.path, self.handler)


def routes(operations: Iterable[Operation]) -> list[web.RouteDef]:
    """Return the route table."""
    return [operation.route() for operation in operations]
