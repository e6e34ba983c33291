"""Event filters: a path into the event, and the value that must stand there."""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

from trigger_paths import MISSING, Path, PathError, format_path, parse_path, stored_path, value_at

_ATTRIBUTE: Final = re.compile(r"[a-z0-9]+|data_base64")
"""What CloudEvents 1.0 (3. Context Attributes) lets an attribute be called, and the JSON format's member."""
_COMPARISONS: Final = frozenset(
    ("$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$in", "$nin", "$exists", "$regex", "$not", "$and", "$or")
)
"""Of query languages. A filter could only ask for an object with such a key."""


def filters_hold(filters: Mapping[str, Any], document: Any) -> bool:
    """Tell whether an event, as a JSON value, has every value that the filters ask for."""
    return all(_holds(document, text=text, expected=expected) for text, expected in filters.items())


def filter_problems(filters: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the path of each filter that cannot hold for any event, and why."""
    texts: dict[Path, str] = {}
    for text, expected in filters.items():
        try:
            path = parse_path(text)
        except PathError as error:
            yield text, str(error)
            continue
        first = texts.setdefault(path, text)
        if reason := _root_problem(path) or _comparison_problem(expected):
            yield text, reason
        elif not json_equal(filters[first], expected):
            yield text, f"{first[:80]!r} is the same path, and asks for another value."


def json_equal(left: Any, right: Any) -> bool:
    """Tell whether two JSON values are the same: ``1`` equals ``1.0`` and differs from ``true``."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(json_equal(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(json_equal, left, right))
    return bool(left == right)


def _root_problem(path: Path) -> str | None:
    root, *steps = path
    if steps and root == "event":
        return f"A path begins inside the event. Write {format_path(tuple(steps))[:200]}"
    if _ATTRIBUTE.fullmatch(root) is None:
        return f"No event has an attribute {root[:80]!r}. Write {format_path(('data', *path))[:200]}"
    if steps and root != "data":
        return f"Only data has parts. Write {format_path(('data', *path))[:200]}"
    return None


def _comparison_problem(expected: Any) -> str | None:
    if not isinstance(expected, dict) or not (operators := _COMPARISONS & expected.keys()):
        return None
    operator = min(operators)
    return f"A filter asks for a value, and has no {operator}. Write an expression: event.data.total > 5.0"


def _holds(document: Any, *, text: str, expected: Any) -> bool:
    path = _path_of(text)
    actual = MISSING if path is None else value_at(document, path)
    return actual is not MISSING and json_equal(actual, expected)


@lru_cache(maxsize=4096)
def _path_of(text: str) -> Path | None:
    """Return the path of a stored filter; ``None`` where a text of earlier releases is none."""
    try:
        return stored_path(text)
    except PathError:
        return None
