"""The OpenAPI 3.1 document, from the operations and the types that decode and encode their bodies."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

import msgspec

from trigger_runtime.web.operations import Body, Operation, Success
from trigger_runtime.web.parameters import Parameter
from trigger_runtime.web.problem import ProblemDocument

_REF: Final = "#/components/schemas/"
_ALWAYS: Final = (500, 503)
_PROBLEM_HEADERS: Final[Mapping[int, Mapping[str, str]]] = {
    401: {"WWW-Authenticate": "How to authenticate."},
    405: {"Allow": "The methods of this address."},
    503: {"Retry-After": "Seconds to wait before trying again."},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiInfo:
    """What the document says about the API as a whole. ``tags`` are in the order of reading."""

    title: str
    version: str
    description: str
    tags: Mapping[str, str]


def document(
    info: ApiInfo,
    *,
    operations: Sequence[Operation],
    extra: Sequence[Any] = (),
    untagged: Iterable[type[msgspec.Struct]] = (),
) -> dict[str, Any]:
    """Return the document.

    ``extra`` are types that only texts refer to. ``untagged`` are Structs whose tag the API says beside
    them and not within. What requests hold is closed: a field that does not exist is refused.
    """
    bodies = [kind for operation in operations if operation.body is not None for kind in operation.body.kinds]
    successes = [one.kind for operation in operations for one in operation.successes if one.kind is not None]
    kinds = [*bodies, *successes, *extra, ProblemDocument]
    shown, components = msgspec.json.schema_components(kinds, ref_template=_REF + "{name}")
    for kind in untagged:
        _without_tag(components[kind.__name__], field=str(kind.__struct_config__.tag_field))
    _close(list(shown[: len(bodies)]), components=components)
    schemas = {id(kind): schema for kind, schema in zip(kinds, shown, strict=True)}
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(
            operation, schemas=schemas
        )
    return {
        "openapi": "3.1.0",
        "info": {"title": info.title, "version": info.version, "description": info.description},
        "tags": [{"name": name, "description": text} for name, text in info.tags.items()],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(components.items())),
            "responses": {str(status): _problem(status) for status in _statuses(operations)},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


def _operation(operation: Operation, *, schemas: Mapping[int, Any]) -> dict[str, Any]:
    responses: dict[str, Any] = {
        **{str(one.status): _success(one, schemas=schemas) for one in operation.successes},
        **{str(status): {"$ref": f"#/components/responses/{status}"} for status in _problems_of(operation)},
    }
    documented: dict[str, Any] = {
        "operationId": operation.id,
        "tags": [operation.tag],
        "summary": operation.summary,
        "parameters": [_parameter(one) for one in operation.parameters],
        "responses": responses,
        "security": [{"token": [operation.scope]}] if operation.scope else [],
    }
    if operation.description:
        documented["description"] = operation.description
    if operation.body is not None:
        documented["requestBody"] = _body(operation.body, schemas=schemas)
    return documented


def _parameter(one: Parameter) -> dict[str, Any]:
    return {
        "name": one.name,
        "in": one.where,
        "required": one.required,
        "description": one.description,
        "schema": dict(one.schema),
    }


def _body(body: Body, *, schemas: Mapping[int, Any]) -> dict[str, Any]:
    kinds = [schemas[id(kind)] for kind in body.kinds]
    schema = kinds[0] if len(kinds) == 1 else {"anyOf": kinds} if kinds else {}
    return {
        "required": not body.is_optional,
        "content": {media_type: {"schema": schema} for media_type in body.media_types},
    }


def _success(success: Success, *, schemas: Mapping[int, Any]) -> dict[str, Any]:
    headers = {"X-Request-Id": "The request's id, in every log too.", **success.headers}
    documented: dict[str, Any] = {"description": success.description, "headers": _headers(headers)}
    if success.kind is not None:
        documented["content"] = {success.media_type: {"schema": schemas[id(success.kind)]}}
    if success.links:
        documented["links"] = {
            name: {"operationId": name, "parameters": dict(parameters)}
            for name, parameters in success.links.items()
        }
    return documented


def _problem(status: int) -> dict[str, Any]:
    return {
        "description": HTTPStatus(status).phrase,
        "headers": _headers({"X-Request-Id": "The request's id.", **_PROBLEM_HEADERS.get(status, {})}),
        "content": {"application/problem+json": {"schema": {"$ref": f"{_REF}{ProblemDocument.__name__}"}}},
    }


def _headers(named: Mapping[str, str]) -> dict[str, Any]:
    return {name: {"description": text, "schema": {"type": "string"}} for name, text in sorted(named.items())}


def _problems_of(operation: Operation) -> list[int]:
    guarded = (401, 403) if operation.scope else ()
    return sorted({*operation.errors, *guarded, *_ALWAYS})


def _statuses(operations: Sequence[Operation]) -> list[int]:
    return sorted({status for operation in operations for status in _problems_of(operation)})


def _without_tag(schema: dict[str, Any], *, field: str) -> None:
    schema["properties"].pop(field)
    schema["required"] = [name for name in schema.get("required", []) if name != field]


def _close(schemas: list[Any], *, components: Mapping[str, Any]) -> None:
    """Say of every Struct that these schemas reach that it has no other fields."""
    seen: set[str] = set()
    waiting: list[Any] = list(schemas)
    while waiting:
        part = waiting.pop()
        if isinstance(part, list):
            waiting.extend(part)
        elif isinstance(part, dict):
            name = str(part.get("$ref", "")).removeprefix(_REF)
            if name in components and name not in seen:
                seen.add(name)
                waiting.append(components[name])
            if "properties" in part and part.get("type") == "object":
                part["additionalProperties"] = False
            waiting.extend(value for key, value in part.items() if key != "discriminator")
