"""JSON Schemas that users write for the inputs of a run, bounded.

The validator is quick but has no budget, and nothing else runs while it works. So what could take long is
refused: when a schema is saved, references that multiply; when it is used, inputs that are too much for it.
"""

from collections.abc import Iterator
from typing import Any, Final

import jsonschema_rs

from trigger_api.domain.input_defaults import contradiction_of, resolved, takes_objects, with_defaults
from trigger_validation import FieldError, pointer_step

_DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
_MAX_EXPANDED: Final = 5_000
"""Subschemas, each as often as references lead to it."""
_MAX_WORK: Final = 5_000_000
"""Subschemas times values: about a quarter of a second at worst."""
_LETTERS_A_VALUE: Final = 50
"""A text counts as one value for each so many letters, since patterns look at every one of them."""
_MAX_ERRORS: Final = 20

_BY_NAME: Final = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})
_DATA: Final = frozenset({"enum", "const", "default", "examples"})
_REFUSED: Final = frozenset(
    {"$id", "$anchor", "$dynamicAnchor", "$dynamicRef", "$recursiveRef", "$recursiveAnchor"}
)
# Linear in the text, unlike the usual engine; it knows no lookaround and no backreference.
_PATTERNS: Final = jsonschema_rs.RegexOptions()


class _UnboundedError(Exception):
    """Why a schema cannot be used."""


def schema_errors(schema: dict[str, Any], *, pointer: str) -> list[FieldError]:
    """Return why a JSON Schema cannot be used. References to other documents are refused: no one is asked."""
    try:
        if _expanded(schema, root=schema, under=()) > _MAX_EXPANDED:
            return [
                FieldError(
                    pointer, f"With all references followed this is more than {_MAX_EXPANDED} schemas."
                )
            ]
        # The names of formats are looked up only here: an earlier release took any.
        _validator(schema, ignore_unknown_formats=False)
        reason = _unmeetable(schema)
        if reason is not None:
            return [FieldError(pointer, f"No inputs can meet this schema: {reason}.")]
    except _UnboundedError as error:
        return [FieldError(pointer, f"{error}.")]
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as error:
        return [
            FieldError(pointer, f"This is no JSON Schema (2020-12) that can be used: {_first_line(error)}.")
        ]
    return []


def input_errors(inputs: dict[str, Any], *, schema: dict[str, Any], pointer: str) -> list[FieldError]:
    """Return how inputs fail a schema that has no errors, at most twenty things."""
    if _expanded(schema, root=schema, under=()) * _values(inputs) > _MAX_WORK:
        return [FieldError(pointer, "These inputs are too many for a schema of this size.")]
    errors = []
    inputs = with_defaults(inputs, schema=schema, root=schema)
    for error in _validator(schema).iter_errors(inputs):
        steps = "".join(f"/{pointer_step(str(step)[:100])}" for step in error.instance_path)
        errors.append(FieldError(pointer + steps, f"{_first_line(error)}."))
        if len(errors) == _MAX_ERRORS:
            break
    return errors


def completed(inputs: dict[str, Any], *, schema: dict[str, Any]) -> dict[str, Any]:
    """Return inputs that have no errors, with the schema's defaults for what they lack."""
    complete: dict[str, Any] = with_defaults(inputs, schema=schema, root=schema)
    return complete


def _validator(schema: dict[str, Any], *, ignore_unknown_formats: bool = True) -> Any:
    # offline: a user's $ref must not make this service fetch or read anything.
    return jsonschema_rs.Draft202012Validator(
        {"$schema": _DRAFT, **schema},
        offline=True,
        pattern_options=_PATTERNS,
        validate_formats=True,
        ignore_unknown_formats=ignore_unknown_formats,
    )


def _unmeetable(schema: dict[str, Any]) -> str | None:
    if not takes_objects(schema, root=schema):
        return 'inputs are an object, such as {"name": "Ann"}'
    return contradiction_of(schema, root=schema)


def _expanded(node: Any, *, root: dict[str, Any], under: tuple[str, ...]) -> int:
    """Return how many schemas there are, with each reference followed. Gives up past the limit.

    ``under`` are the references that led here. Raises ``_UnboundedError``.
    """
    count = 1
    for part in _parts(node):
        if isinstance(part, str):
            if part in under:
                raise _UnboundedError("References that lead back to themselves are not supported")
            count += _expanded(_resolved(part, root=root), root=root, under=(*under, part))
        else:
            count += _expanded(part, root=root, under=under)
        if count > _MAX_EXPANDED:
            break
    return count


def _parts(node: Any) -> Iterator[Any]:
    """Yield the schemas in a schema, and references as text."""
    if isinstance(node, list):
        yield from (item for item in node if isinstance(item, dict | list))
    if not isinstance(node, dict):
        return
    for name, item in node.items():
        if name in _REFUSED:
            raise _UnboundedError(f"{name} is not supported")
        if name == "$ref" and isinstance(item, str):
            yield item
        elif name in _BY_NAME and isinstance(item, dict):
            yield from item.values()
        elif name not in _DATA and isinstance(item, dict | list):
            yield item


def _resolved(reference: str, *, root: dict[str, Any]) -> Any:
    if not reference.startswith("#/"):
        raise _UnboundedError("A $ref may only be a pointer into the schema itself, like #/$defs/name")
    try:
        return resolved(reference, root=root)
    except LookupError:
        raise _UnboundedError(f"There is nothing at {reference[:100]!r}") from None


def _values(value: Any) -> int:
    """Return how many values there are in a JSON value, without recursing."""
    count, level = 0, [value]
    while level:
        count += sum(1 + len(item) // _LETTERS_A_VALUE if isinstance(item, str) else 1 for item in level)
        level = [
            child
            for item in level
            if isinstance(item, dict | list)
            for child in (item.values() if isinstance(item, dict) else item)
        ]
    return count


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0].rstrip(".")[:300]
