"""What stands at a path."""

from enum import Enum
from typing import Any, Final


class Missing(Enum):
    """What a path finds where there is nothing; ``null`` is something."""

    MISSING = "missing"


MISSING: Final = Missing.MISSING

_INDEX_DIGITS: Final = 9
_DOTTED_STEPS: Final = 8
"""How many steps may be one key with dots: the work must not grow with the square of a path's length."""


def value_at(value: Any, path: tuple[str, ...]) -> Any:
    """Return what stands at a path of a JSON value, or ``MISSING``.

    A step of digits is an index where it meets a list, and a key where it meets an object. Where an object
    has no such key, this and the next steps may be one key with dots; the shortest such key is taken.
    """
    at = 0
    while at < len(path):
        if isinstance(value, dict):
            width = _key_width(value, path, at=at)
            if not width:
                return MISSING
            value = value[path[at] if width == 1 else ".".join(path[at : at + width])]
            at += width
        elif isinstance(value, list):
            index = _index(path[at])
            if index is None or index >= len(value):
                return MISSING
            value = value[index]
            at += 1
        else:
            return MISSING
    return value


def _key_width(value: dict[str, Any], path: tuple[str, ...], *, at: int) -> int:
    """Return how many steps the key has that the object holds; 0 where it holds none."""
    if path[at] in value:
        return 1
    for width in range(2, min(_DOTTED_STEPS, len(path) - at) + 1):
        if ".".join(path[at : at + width]) in value:
            return width
    return 0


def _index(step: str) -> int | None:
    """``int`` alone would take signs, blanks, underscores and the digits of other scripts."""
    if not (step.isascii() and step.isdecimal() and len(step) <= _INDEX_DIGITS):
        return None
    return int(step)
