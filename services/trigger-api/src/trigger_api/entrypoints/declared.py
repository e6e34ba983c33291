"""Operations whose handlers do not declare them yet."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from trigger_runtime.web import operations
from trigger_runtime.web.operations import JSON, MERGE_PATCH, Success
from trigger_runtime.web.parameters import Parameter, path_argument

__all__ = ["JSON", "MERGE_PATCH", "Answer", "Body", "Operation", "Parameter"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    kind: Any
    others: tuple[Any, ...] = ()
    media_types: tuple[str, ...] = (JSON,)
    optional: bool = False


Answer = Success


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    id: str
    method: str
    path: str
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    tag: str
    summary: str
    answer: Success
    description: str = ""
    scope: str | None = None
    parameters: tuple[Parameter, ...] = ()
    body: Body | None = None
    problems: tuple[int, ...] = ()
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def route(self) -> web.RouteDef:
        return web.route(self.method, self.path, self.handler)

    def declared(self) -> operations.Operation:
        ids = path_argument("id", noun="").parameters if "{id}" in self.path else ()
        body = None
        if self.body is not None:
            default = {"default": None} if self.body.optional else {}
            kinds = (self.body.kind, *self.body.others)
            body = operations.Body(kinds=kinds, media_types=self.body.media_types, **default)
        return operations.Operation(
            id=self.id,
            method=self.method,
            path=self.path,
            scope=self.scope,
            tag=self.tag,
            summary=self.summary,
            description=self.description,
            parameters=(*ids, *self.parameters),
            body=body,
            successes=(self.answer,),
            errors=self.problems,
            arguments={},
            takes=frozenset(),
            handler="",
        )
