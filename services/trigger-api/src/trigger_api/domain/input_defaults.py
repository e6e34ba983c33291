"""What a JSON Schema says beside what it checks: defaults, and whether any inputs can meet it.

``default`` is a note in JSON Schema (2020-12, "Validation", 9.2), which no validator applies. People write it
to have a value, so a run gets it.
"""

import copy
from collections.abc import Iterator
from typing import Any, Final

_NOTHING: Final = object()
_BOUNDS: Final = (
    ("minimum", "maximum"),
    ("minLength", "maxLength"),
    ("minItems", "maxItems"),
    ("minProperties", "maxProperties"),
)


def with_defaults(value: Any, *, schema: Any, root: dict[str, Any]) -> Any:
    """Return inputs with the defaults of what they lack, also in objects and lists that are there.

    Followed are ``properties``, ``items``, ``prefixItems``, ``allOf`` and ``$ref``; not what depends on the
    inputs (``anyOf``, ``oneOf``, ``if``).
    """
    for part in _parts(schema, root=root):
        if isinstance(value, dict):
            value = _object_with_defaults(value, schema=part, root=root)
        elif isinstance(value, list):
            first = part.get("prefixItems") or []
            rest = part.get("items", True)
            value = [
                with_defaults(item, schema=first[index] if index < len(first) else rest, root=root)
                for index, item in enumerate(value)
            ]
    return value


def contradiction_of(schema: Any, *, root: dict[str, Any], where: str = "the inputs") -> str | None:
    """Return why nothing can meet a schema, where that is plain to see; inputs are always an object."""
    if schema is False:
        return f"nothing is allowed for {where}"
    for part in _parts(schema, root=root):
        if part.get("enum") == [] or part.get("not") in ({}, True):
            return f"nothing is allowed for {where}"
        for low, high in _BOUNDS:
            least, most = part.get(low), part.get(high)
            if isinstance(least, int | float) and isinstance(most, int | float) and least > most:
                return f"{low} is above {high} for {where}"
        properties = part.get("properties", {})
        for name in part.get("required", ()):
            is_closed = part.get("additionalProperties") is False and not part.get("patternProperties")
            if name not in properties and is_closed:
                return f"{name} is required for {where}, and not allowed"
            reason = contradiction_of(properties.get(name, True), root=root, where=name)
            if reason is not None:
                return reason
    return None


def takes_objects(schema: Any, *, root: dict[str, Any]) -> bool:
    """Tell whether a schema takes objects at all."""
    for part in _parts(schema, root=root):
        kinds = part.get("type", "object")
        if "object" not in ([kinds] if isinstance(kinds, str) else kinds):
            return False
        if "const" in part and not isinstance(part["const"], dict):
            return False
    return schema is not False


def _object_with_defaults(
    value: dict[str, Any], *, schema: dict[str, Any], root: dict[str, Any]
) -> dict[str, Any]:
    completed = dict(value)
    for name, below in schema.get("properties", {}).items():
        if name not in completed:
            default = _default_of(below, root=root)
            if default is _NOTHING:
                continue
            completed[name] = copy.deepcopy(default)
        completed[name] = with_defaults(completed[name], schema=below, root=root)
    return completed


def _default_of(schema: Any, *, root: dict[str, Any]) -> Any:
    for part in _parts(schema, root=root):
        if "default" in part:
            return part["default"]
    return _NOTHING


def _parts(schema: Any, *, root: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a schema and those that hold with it; a schema that can be used has no reference to itself."""
    if not isinstance(schema, dict):
        return
    yield schema
    if isinstance(reference := schema.get("$ref"), str):
        yield from _parts(resolved(reference, root=root), root=root)
    for part in schema.get("allOf", ()):
        yield from _parts(part, root=root)


def resolved(reference: str, *, root: dict[str, Any]) -> Any:
    """Return what a pointer into the schema leads to. Raises ``LookupError``."""
    node: Any = root
    for step in reference.removeprefix("#").removeprefix("/").split("/") if reference != "#" else ():
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(node, list) and name.isdecimal() and int(name) < len(node):
            node = node[int(name)]
        elif isinstance(node, dict) and name in node:
            node = node[name]
        else:
            raise LookupError(reference)
    return node
