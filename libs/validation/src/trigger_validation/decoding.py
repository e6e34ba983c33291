"""Decoding what a caller sent, with every problem at once.

msgspec stops at the first thing that does not fit, and cannot say which key of an object it was. That is
right for the bus and for the fast path; the person who wrote a configuration wants to see all of it. So a
value that does not convert is walked by its type once more, and each part that fails is named.

Where a type has a ``Meta(pattern=...)``, its ``extra={"words": ...}`` says the same to people.
"""

import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from itertools import islice
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import msgspec

from trigger_validation.field_error import MAX_FIELD_ERRORS, FieldError, InvalidError, pointer_step
from trigger_validation.wording import one_of, refusal

CheckField = Callable[[type, str, Any], Sequence[tuple[str, str]]]
"""Checks the meaning of one field: takes its Struct, its name and its decoded value, and returns pairs of the
rest of the pointer ("" for the field itself) and words. It is called only for fields whose type is right."""


def decode(value: Any, kind: Any, *, pointer: str = "", check: CheckField | None = None) -> Any:
    """Return the value as ``kind``; raise ``InvalidError`` with everything about it that does not fit.

    Fields that do not exist are refused: the types themselves ignore them, as messages on the bus must. A tag
    is a field only where several types are possible.
    ``check`` is called only where something else is wrong too; a value that fits is judged by the caller.
    """
    try:
        converted = msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        errors = tuple(islice(_field_errors(value, kind, pointer=pointer, check=check), MAX_FIELD_ERRORS))
        raise InvalidError(
            errors or (FieldError(pointer, refusal(error, kind=kind, value=value)),)
        ) from error
    unknown = tuple(
        FieldError(f"{pointer}{path}", "There is no such field.")
        for path in islice(unknown_fields(value, converted, tags=_has_tags(kind)), MAX_FIELD_ERRORS)
    )
    if not unknown:
        return converted
    errors = tuple(islice(_field_errors(value, kind, pointer=pointer, check=check), MAX_FIELD_ERRORS))
    raise InvalidError(errors or unknown)


def unknown_fields(raw: Any, value: Any, *, tags: bool) -> Iterator[str]:
    """Yield a pointer for each key of ``raw`` that the decoded ``value`` has no field for.

    ``tags`` tells whether a Struct says here which of several it is.
    """
    if isinstance(value, msgspec.Struct) and isinstance(raw, dict):
        fields = _fields(type(value))
        for key, item in raw.items():
            if key in fields:
                name, tags_below = fields[key]
                deeper = unknown_fields(item, getattr(value, name), tags=tags_below)
                yield from (f"/{pointer_step(key)}{path}" for path in deeper)
            elif not tags or key != value.__struct_config__.tag_field:
                yield f"/{pointer_step(key)}"
    elif isinstance(value, dict) and isinstance(raw, dict):
        for key, item in raw.items():
            deeper = unknown_fields(item, value.get(key), tags=tags)
            yield from (f"/{pointer_step(key)}{path}" for path in deeper)
    elif isinstance(value, list | tuple) and isinstance(raw, list):
        for index, (item, below) in enumerate(zip(raw, value, strict=False)):
            yield from (f"/{index}{path}" for path in unknown_fields(item, below, tags=tags))


def _field_errors(value: Any, kind: Any, *, pointer: str, check: CheckField | None) -> Iterator[FieldError]:
    bare = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    origin = get_origin(bare)
    if origin in (Union, types.UnionType):
        below = _of_union(value, get_args(bare), pointer=pointer, check=check)
    elif isinstance(bare, type) and issubclass(bare, msgspec.Struct) and isinstance(value, dict):
        below = _of_struct(value, bare, pointer=pointer, check=check)
    elif origin is dict and isinstance(value, dict):
        below = _of_dict(value, get_args(bare), pointer=pointer, check=check)
    elif origin in (list, tuple) and isinstance(value, list):
        below = _of_list(value, get_args(bare)[0], pointer=pointer, check=check)
    else:
        below = iter(())
    deeper = False
    for error in below:
        deeper = True
        yield error
    if not deeper and (words := _refusal(value, kind)) is not None:
        yield FieldError(pointer, words)


def _of_union(
    value: Any, members: tuple[Any, ...], *, pointer: str, check: CheckField | None
) -> Iterator[FieldError]:
    if value is None and types.NoneType in members:
        return
    rest = [member for member in members if member not in (types.NoneType, msgspec.UnsetType)]
    tagged = {_tag_of(member): member for member in rest if _tag_of(member) is not None}
    if len(rest) == 1:
        yield from _field_errors(value, rest[0], pointer=pointer, check=check)
    elif len(tagged) == len(rest) and isinstance(value, dict):
        field = str(rest[0].__struct_config__.tag_field)
        tag = value.get(field)
        if isinstance(tag, str) and tag in tagged:
            yield from _of_struct(value, tagged[tag], pointer=pointer, check=check, tag_field=field)
        else:
            yield FieldError(f"{pointer}/{field}", one_of(tagged, sent=tag))
            yield from _of_struct(value, rest[0], pointer=pointer, check=check, only=_shared(rest))


def _of_struct(
    value: dict[str, Any],
    kind: type[msgspec.Struct],
    *,
    pointer: str,
    check: CheckField | None,
    only: frozenset[str] | None = None,
    tag_field: str | None = None,
) -> Iterator[FieldError]:
    hints = _hints(kind)
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    for name, field in fields.items():
        if only is not None and name not in only:
            continue
        place = f"{pointer}/{pointer_step(name)}"
        if name not in value:
            if field.required:
                yield FieldError(place, "This is required.")
            continue
        errors = list(_field_errors(value[name], hints[field.name], pointer=place, check=check))
        yield from errors
        if not errors and check is not None:
            decoded = msgspec.convert(value[name], hints[field.name])
            for rest, words in check(kind, field.name, decoded):
                yield FieldError(place + rest, words)
    if only is None:
        for name in value:
            if name not in fields and name != tag_field:
                yield FieldError(f"{pointer}/{pointer_step(name)}", "There is no such field.")


def _of_dict(
    value: dict[str, Any], arguments: tuple[Any, ...], *, pointer: str, check: CheckField | None
) -> Iterator[FieldError]:
    keys, items = arguments
    for name, item in value.items():
        place = f"{pointer}/{pointer_step(name)}"
        if (words := _refusal(name, keys)) is not None:
            yield FieldError(place, f"The name: {words}")
        yield from _field_errors(item, items, pointer=place, check=check)


def _of_list(value: list[Any], kind: Any, *, pointer: str, check: CheckField | None) -> Iterator[FieldError]:
    for index, item in enumerate(value):
        yield from _field_errors(item, kind, pointer=f"{pointer}/{index}", check=check)


def _refusal(value: Any, kind: Any) -> str | None:
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        return refusal(error, kind=kind, value=value)
    return None


def _tag_of(kind: Any) -> str | int | None:
    return kind.__struct_config__.tag if isinstance(kind, type) and issubclass(kind, msgspec.Struct) else None


def _shared(kinds: Sequence[type[msgspec.Struct]]) -> frozenset[str]:
    """Return the fields that are the same in all of some types, as they are spelled on the wire."""
    first, *others = [_named_hints(kind) for kind in kinds]
    return frozenset(name for name, hint in first.items() if all(other.get(name) == hint for other in others))


def _named_hints(kind: type[msgspec.Struct]) -> Mapping[str, Any]:
    hints = _hints(kind)
    return {field.encode_name: hints[field.name] for field in msgspec.structs.fields(kind)}


@cache
def _fields(kind: type[msgspec.Struct]) -> Mapping[str, tuple[str, bool]]:
    """Return the fields of a type as they are spelled on the wire: the name in Python, and ``_has_tags``."""
    hints = _hints(kind)
    return {
        field.encode_name: (field.name, _has_tags(hints[field.name]))
        for field in msgspec.structs.fields(kind)
    }


def _has_tags(hint: Any) -> bool:
    """Tell whether a type is, or holds, one of several Structs."""
    structs = [one for one in get_args(hint) if isinstance(one, type) and issubclass(one, msgspec.Struct)]
    joins = get_origin(hint) in (Union, types.UnionType)
    return (joins and len(structs) > 1) or any(_has_tags(one) for one in get_args(hint))


@cache
def _hints(kind: type[msgspec.Struct]) -> Mapping[str, Any]:
    return get_type_hints(kind, include_extras=True)
