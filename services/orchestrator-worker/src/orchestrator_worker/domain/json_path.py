"""Dotted paths into JSON values, for filters and templates."""

from enum import Enum
from typing import Any, Final


class Missing(Enum):
    """What a path finds where there is nothing; ``null`` is something."""

    MISSING = "missing"


MISSING: Final = Missing.MISSING

_MAX_INDEX_DIGITS: Final = 9


def find(value: Any, *, path: tuple[str, ...]) -> Any:
    """Return what stands at a path, or ``MISSING``. A decimal segment is an index where it meets a list."""
    for segment in path:
        if isinstance(value, dict):
            if segment not in value:
                return MISSING
            value = value[segment]
        elif isinstance(value, list):
            index = _index(segment)
            if index is None or index >= len(value):
                return MISSING
            value = value[index]
        else:
            return MISSING
    return value


def _index(segment: str) -> int | None:
    """``int`` alone would take signs, blanks, underscores and the digits of other scripts."""
    if not (segment.isascii() and segment.isdecimal() and len(segment) <= _MAX_INDEX_DIGITS):
        return None
    return int(segment)


def json_equal(left: Any, right: Any) -> bool:
    """Tell whether two JSON values are the same: ``1`` equals ``1.0`` and differs from ``true``."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(json_equal(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(json_equal, left, right))
    return bool(left == right)
