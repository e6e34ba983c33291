"""Filters: a path into an event or a payload, and the value that must stand there."""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

from trigger_expressions.subjects import EVENT, PAYLOAD, Subject
from trigger_paths import MISSING, Path, PathError, format_path, parse_path, stored_path, value_at

_ATTRIBUTE: Final = re.compile(r"[a-z0-9]+|data_base64")
"""What CloudEvents 1.0 (3. Context Attributes) lets an attribute be called, and the JSON format's member."""
PAYLOAD_FIELDS: Final = (
    "body",
    "bodyFormat",
    "bodyProblem",
    "bodyReference",
    "headers",
    "method",
    "query",
    "rawBody",
    "timestamp",
    "triggerId",
)
"""What the payload of a delivery has."""
_COMPARISONS: Final = frozenset(
    ("$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$in", "$nin", "$exists", "$regex", "$not", "$and", "$or")
)
"""Of query languages. A filter could only ask for an object with such a key."""


def filters_hold(filters: Mapping[str, Any], document: Any) -> bool:
    """Tell whether an event or a payload, as a JSON value, has every value that the filters ask for."""
    return all(is_equal_at(document, path=path, expected=expected) for path, expected in filters.items())


def is_equal_at(document: Any, *, path: str, expected: Any) -> bool:
    """Tell whether the value at the path of a filter is the one that it asks for."""
    actual = value_of(document, path=path)
    return actual is not MISSING and json_equal(actual, expected)


def value_of(document: Any, *, path: str) -> Any:
    """Return what is at the path of a filter, or ``trigger_paths.MISSING``."""
    steps = _path_of(path)
    return MISSING if steps is None else value_at(document, steps)


def filter_problems(filters: Mapping[str, Any], *, subject: Subject = EVENT) -> Iterator[tuple[str, str]]:
    """Yield the path of each filter that can hold for no event, or for no payload, and why."""
    texts: dict[Path, str] = {}
    for text, expected in filters.items():
        try:
            path = parse_path(text)
        except PathError as error:
            yield text, str(error)
            continue
        first = texts.setdefault(path, text)
        root_problem = _payload_problem(path) if subject is PAYLOAD else _event_problem(path)
        if reason := root_problem or _comparison_problem(expected, subject=subject):
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


def _event_problem(path: Path) -> str | None:
    root, *steps = path
    if steps and root == "event":
        return f"A path begins inside the event. Write {format_path(tuple(steps))[:200]}"
    if _ATTRIBUTE.fullmatch(root) is None:
        return f"No event has an attribute {root[:80]!r}. Write {format_path(('data', *path))[:200]}"
    if steps and root != "data":
        return f"Only data has parts. Write {format_path(('data', *path))[:200]}"
    return None


def _payload_problem(path: Path) -> str | None:
    root, *steps = path
    if path[:2] == ("trigger", "payload") or root == "payload":
        inside = path[2:] if root == "trigger" else path[1:]
        return f"A path begins inside the payload. Write {format_path(inside or ('body',))[:200]}"
    if root not in PAYLOAD_FIELDS:
        return f"No payload has a field {root[:80]!r}. Write {format_path(('body', *path))[:200]}"
    if root == "headers" and steps and steps[0] != steps[0].lower():
        lower = format_path((root, steps[0].lower(), *steps[1:]))[:200]
        return f"The names of headers are in lower case here. Write {lower}"
    return None


def _comparison_problem(expected: Any, *, subject: Subject) -> str | None:
    if not isinstance(expected, dict) or not (operators := _COMPARISONS & expected.keys()):
        return None
    operator = min(operators)
    example = f"{subject.example}.total > 5.0"
    return f"A filter asks for a value, and has no {operator}. Write an expression: {example}"


@lru_cache(maxsize=4096)
def _path_of(text: str) -> Path | None:
    """Return the path of a stored filter; ``None`` where a text of earlier releases is none."""
    try:
        return stored_path(text)
    except PathError:
        return None
