"""Filters: a path into an event or a payload, and the value that must stand there."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
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
        if reason := _path_problem(path, subject=subject) or _value_problem(path, expected, subject=subject):
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


def _path_problem(path: Path, *, subject: Subject) -> str | None:
    if subject is not PAYLOAD:
        return _event_problem(path)
    if path[:2] == ("trigger", "payload") or path[0] == "payload":
        inside = path[2:] if path[0] == "trigger" else path[1:]
        return f"A path begins inside the payload. Write {format_path(inside or ('body',))[:200]}"
    if (mistake := payload_mistake(path)) is not None:
        return f"{mistake.reason}. Write {format_path(mistake.instead)[:200]}"
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class PathMistake:
    """Why no payload has a path, as a sentence without its end, and the path that is probably meant."""

    reason: str
    instead: Path


def payload_mistake(path: Path) -> PathMistake | None:
    """Return why no payload can have a value at a path that begins inside it; ``None`` where one can."""
    root, *steps = path
    if root not in PAYLOAD_FIELDS:
        return PathMistake(reason=f"No payload has a field {root[:80]!r}", instead=("body", *path))
    if root == "headers" and steps and steps[0] != steps[0].lower():
        instead = (root, steps[0].lower(), *steps[1:])
        return PathMistake(reason="The names of headers are in lower case here", instead=instead)
    return None


def _value_problem(path: Path, expected: Any, *, subject: Subject) -> str | None:
    """Return why no event or payload has this value at the path."""
    if (reason := _comparison_problem(expected, subject=subject)) is not None:
        return reason
    if subject is not PAYLOAD:
        return None
    match path:
        case ("headers", _, *_) if not isinstance(expected, str):
            return "A header is a text. Write its value in quotes"
        # A parameter that comes more than once has a list.
        case ("query", _, *_) if not isinstance(expected, str | list):
            return "A query parameter is a text. Write its value in quotes"
        case ("method",) if not (isinstance(expected, str) and expected == expected.upper()):
            return "A method is a text in upper case. Example: POST"
        case _:
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
