"""Files of a form: each is an object, which may lose its content where there is no room for it."""

import base64
from collections.abc import Iterator, Mapping
from hashlib import sha256
from itertools import accumulate
from typing import Any, Final

_KEYS: Final = {"name", "type", "size", "base64"}
_WORTH: Final = 200
"""Characters of base64: what takes the place of a content has about half as many."""


def file_value(content: bytes, *, name: str | None, content_type: str | None) -> dict[str, Any]:
    """Return a file with its content, as a workflow sees it."""
    return {
        "name": name,
        "type": content_type,
        "size": len(content),
        "base64": base64.b64encode(content).decode("ascii"),
    }


def without_largest(fields: Mapping[str, Any], *, excess: int) -> dict[str, Any]:
    """Return the fields with ``excess`` bytes less, if that can be: the largest files lose their content."""
    lengths = sorted((length for field in fields.values() for length in _lengths(field)), reverse=True)
    saved = accumulate(length - _WORTH for length in lengths)
    least = next((one for one, sum_ in zip(lengths, saved, strict=True) if sum_ >= excess), _WORTH + 1)
    return {name: _described(field, least=least) for name, field in fields.items()}


def _lengths(field: Any) -> Iterator[int]:
    for value in field if isinstance(field, list) else (field,):
        if (length := _length(value)) > _WORTH:
            yield length


def _length(value: Any) -> int:
    """Return the length of a file's content as it is shown; zero for anything else."""
    if not isinstance(value, dict) or value.keys() != _KEYS or not isinstance(value["base64"], str):
        return 0
    return len(value["base64"])


def _described(field: Any, *, least: int) -> Any:
    if isinstance(field, list):
        return [_described(value, least=least) for value in field]
    if _length(field) < least:
        return field
    try:
        content = base64.b64decode(field["base64"], validate=True)
    except ValueError:
        # A field of JSON that only looks like a file.
        return field
    kept = {key: field[key] for key in ("name", "type", "size")}
    return {**kept, "sha256": sha256(content).hexdigest(), "omitted": True}
