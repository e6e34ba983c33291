"""JSON values: equality as readers see it, and merge patches (RFC 7396)."""

from typing import Any

import msgspec


def identical(one: object, other: object) -> bool:
    """Compare as JSON: to Python ``1 == True == 1.0``, and to a filter or a template they differ."""
    return msgspec.json.encode(one) == msgspec.json.encode(other)


def merge(target: Any, patch: Any) -> Any:
    """Return ``target`` with ``patch`` merged in; ``null`` in the patch removes."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge(merged.get(key), value)
    return merged
