"""An HTTP operation in one place: its handler's signature is its parser, its authorisation and its document.

``@operation`` says what a signature cannot. Of the signature the names count:

- ``caller`` is what ``authenticate`` returns for the operation's scope;
- ``query`` is a Struct, one field a parameter (see ``parameters.query_argument``);
- ``body`` is the JSON body, decoded as its type; with a default it may be left out;
- ``sent_body`` is the JSON body as it was sent: ``Annotated[Any, Kind]`` documents one that nothing decodes;
- ``request`` is aiohttp's, for what reads or writes by itself;
- what is annotated with a ``Header`` is that header;
- the others are the ids in the path, in their order: ``trigger_id`` for ``/triggers/{id}``.

The name in camel case is the operation's id, the docstring its summary and description, and the return type
its success: a value, a ``Response`` with headers of its own, ``None``, or a ``StreamResponse``.
"""

import inspect
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import NoneType
from typing import Any, Final, Generic, NamedTuple, Protocol, TypeVar, get_args, get_origin, get_type_hints
from uuid import UUID

import msgspec
from aiohttp import web

from trigger_runtime.web.application import Handler, json_response
from trigger_runtime.web.bodies import read_json
from trigger_runtime.web.parameters import Argument, Header, Parameter, path_argument, query_argument
from trigger_validation import CheckField, decode

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Awaitable[Any]])

JSON: Final = "application/json"
MERGE_PATCH: Final = "application/merge-patch+json"

_DECLARED: Final = "__operation__"
_TEMPLATE: Final = re.compile(r"\{(\w+)\}")
_BODY_ERRORS: Final = (400, 413, 415, 422)


class Authenticate(Protocol):
    """Returns who calls; raises ``ProblemError`` 401, 403 or 503."""

    async def __call__(self, request: web.Request, *, scope: str) -> Any: ...


class Response(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """A success with a status or headers of its own. ``content`` may be encoded already."""

    content: T | msgspec.Raw
    status: int | None = None
    headers: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Success:
    """How a success is documented; without a ``kind`` it has no content.

    ``links`` says which operations take what from it: operation id → parameter → expression.
    """

    status: int = 200
    description: str
    kind: Any = None
    media_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    links: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """``kinds`` are the types that may decode it; without any it is not JSON."""

    kinds: tuple[Any, ...]
    media_types: tuple[str, ...]
    default: Any = inspect.Parameter.empty

    @property
    def is_optional(self) -> bool:
        """Whether it may be left out."""
        return not self.kinds or self.default is not inspect.Parameter.empty


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method at one path template (``/api/things/{id}``), as the router and the document know it.

    ``scope`` is what a token must hold; ``None`` needs no token. ``errors`` are the statuses that are
    refusals; 401 and 403 follow from the scope, and everything may be 500 or 503. ``takes`` are the names
    of the handler's arguments; ``arguments`` are those that are read from the head of the request.
    """

    id: str
    method: str
    path: str
    scope: str | None
    tag: str
    summary: str
    description: str
    parameters: tuple[Parameter, ...]
    body: Body | None
    successes: tuple[Success, ...]
    errors: tuple[int, ...]
    arguments: Mapping[str, Argument]
    takes: frozenset[str]
    handler: str


def operation(
    method: str,
    path: str,
    *,
    scope: str | None,
    tag: str,
    success: Success | Sequence[Success],
    errors: Sequence[int] = (),
    media_types: Sequence[str] = (),
) -> Callable[[F], F]:
    """Declare a handler. What it returns is the first ``success``, unless it says another status.

    ``errors`` are those that do not follow from the signature; ``media_types`` are those of the body.
    Raises ``TypeError`` for a signature that does not fit.
    """
    first, *others = (success,) if isinstance(success, Success) else success

    def declare(handler: F) -> F:
        hints = get_type_hints(handler, include_extras=True)
        signature = inspect.signature(handler).parameters
        if scope is None and "caller" in signature:
            raise TypeError(f"{handler.__qualname__}: without a scope no caller is known")
        body = _body(signature, hints=hints, media_types=tuple(media_types))
        arguments = _arguments(handler, hints=hints, path=path)
        summary, _, description = inspect.cleandoc(handler.__doc__ or "").partition("\n\n")
        declared = Operation(
            id=re.sub("_(.)", lambda match: match[1].upper(), handler.__name__),
            method=method,
            path=path,
            scope=scope,
            tag=tag,
            summary=" ".join(summary.split()).removesuffix("."),
            description=" ".join(description.split()),
            parameters=tuple(one for argument in arguments.values() for one in argument.parameters),
            body=body,
            successes=(replace(first, kind=first.kind or _content(hints["return"])), *others),
            errors=(
                *errors,
                *(status for argument in arguments.values() for status in argument.errors),
                *(_BODY_ERRORS if body is not None and body.kinds else ()),
            ),
            arguments={name: argument for name, argument in arguments.items() if name in signature},
            takes=frozenset(signature),
            handler=handler.__name__,
        )
        setattr(handler, _DECLARED, declared)
        return handler

    return declare


def operations_of(*classes: type) -> list[Operation]:
    """Return the operations that classes declare."""
    return [
        getattr(function, _DECLARED)
        for one in classes
        for function in vars(one).values()
        if hasattr(function, _DECLARED)
    ]


def routes_of(
    *handlers: object,
    authenticate: Authenticate,
    read_body: Callable[[web.Request], Awaitable[Any]] = read_json,
    check_field: CheckField | None = None,
) -> list[web.RouteDef]:
    """Return the routes to the operations of some objects. ``check_field`` is asked as ``decode`` says."""
    edge = _Edge(authenticate, read_body, check_field)
    return [
        web.route(one.method, one.path, _serve(one, handler=getattr(owner, one.handler), edge=edge))
        for owner in handlers
        for one in operations_of(type(owner))
    ]


class _Edge(NamedTuple):
    authenticate: Authenticate
    read_body: Callable[[web.Request], Awaitable[Any]]
    check_field: CheckField | None


def _arguments(handler: Callable[..., Any], *, hints: Mapping[str, Any], path: str) -> dict[str, Argument]:
    """Return how the arguments are read from the head of the request; also ids that nothing takes."""
    in_path = _TEMPLATE.findall(path)
    arguments = {}
    for name, hint in hints.items():
        header = next((one for one in get_args(hint)[1:] if isinstance(one, Header)), None)
        if name == "request":
            arguments[name] = Argument(lambda request: request)
        elif name == "query":
            arguments[name] = query_argument(hint)
        elif header is not None:
            arguments[name] = header.argument
        elif name not in ("caller", "body", "sent_body", "return"):
            if not in_path or hint is not UUID:
                raise TypeError(f"{handler.__qualname__}: {path} has no place for {name!r}")
            noun = name.removesuffix("_id").replace("_", " ")
            arguments[name] = path_argument(in_path.pop(0), noun=noun)
    return arguments | {f"{{{name}}}": path_argument(name, noun="") for name in in_path}


def _body(
    signature: Mapping[str, inspect.Parameter], *, hints: Mapping[str, Any], media_types: tuple[str, ...]
) -> Body | None:
    kinds: tuple[Any, ...] = ()
    if "body" in signature:
        kinds = (hints["body"],)
    elif "sent_body" in signature:
        kinds = get_args(hints["sent_body"])[1:]
    elif not media_types:
        return None
    default = signature["body"].default if "body" in signature else inspect.Parameter.empty
    return Body(kinds=kinds, media_types=media_types or (JSON,), default=default)


def _content(hint: Any) -> Any:
    """Return the type of a success's content, ``None`` where there is none, or the handler writes it."""
    if get_origin(hint) is Response:
        return get_args(hint)[0]
    if hint is NoneType or (isinstance(hint, type) and issubclass(hint, web.StreamResponse)):
        return None
    return hint


def _serve(one: Operation, *, handler: Callable[..., Awaitable[Any]], edge: _Edge) -> Handler:
    scope, takes, status = one.scope, one.takes, one.successes[0].status
    reads = tuple((name, argument.read) for name, argument in one.arguments.items())
    body = one.body if takes & {"body", "sent_body"} else None
    authenticate, takes_caller = edge.authenticate, "caller" in takes

    async def serve(request: web.Request) -> web.StreamResponse:
        arguments: dict[str, Any] = {}
        if scope is not None:
            caller = await authenticate(request, scope=scope)
            if takes_caller:
                arguments["caller"] = caller
        for name, read in reads:
            arguments[name] = read(request)
        if body is not None:
            arguments |= await _read(body, request=request, takes=takes, edge=edge)
        return _written(await handler(**arguments), status=status)

    return serve


async def _read(body: Body, *, request: web.Request, takes: frozenset[str], edge: _Edge) -> dict[str, Any]:
    if body.is_optional and not request.body_exists:
        values = {"sent_body": {}, "body": body.default}
    else:
        sent = await edge.read_body(request)
        decoded = decode(sent, body.kinds[0], check=edge.check_field) if "body" in takes else None
        values = {"sent_body": sent, "body": decoded}
    return {name: value for name, value in values.items() if name in takes}


def _written(result: Any, *, status: int) -> web.StreamResponse:
    match result:
        # First, since it is the most frequent; aiohttp's class is an ABC, which takes longer to recognise.
        case Response():
            return json_response(result.content, status=result.status or status, headers=result.headers)
        case None:
            return web.Response(status=status)
        case web.StreamResponse():
            return result
        case _:
            return json_response(result, status=status)
