"""JSON merge patch, RFC 7396."""

from typing import Any


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
