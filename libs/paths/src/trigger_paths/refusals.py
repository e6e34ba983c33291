"""Why a text is no path, and what to write instead: most are written in another system's notation."""

import re
from collections.abc import Callable, Iterator
from typing import Final

from trigger_paths.notation import JSONPATH_ROOTS, KEY, NEGATIVE, Path, format_path, is_key, shown

EXAMPLE: Final = 'data.items[0].id, body["First Name"]'

_BARE_STEP: Final = re.compile(r"(?:\\.|[^.\\])+", re.DOTALL)
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)
_LABELS: Final = frozenset({"labels", "annotations", "matchLabels"})
"""Objects of Kubernetes whose keys have dots: ``app.kubernetes.io/name``."""


def reason_of(text: str) -> str:
    """Return what is wrong with a text that is no path."""
    return next(reason for find in _REASONS for reason in find(text))


def _empty(text: str) -> Iterator[str]:
    if not text.strip():
        yield f"A path is empty. Examples: {EXAMPLE}"


def _json_pointer(text: str) -> Iterator[str]:
    pointer = text.removeprefix("#")
    if pointer.startswith("/"):
        steps = [step.replace("~1", "/").replace("~0", "~") for step in pointer[1:].split("/")]
        yield f"{shown(text)!r} is a JSON pointer. Write {_written(steps)}"


def _jsonpath(text: str) -> Iterator[str]:
    if text[0] in JSONPATH_ROOTS and (len(text) == 1 or text[1] in ".["):
        rest = text[1:].removeprefix(".")
        yield f"{shown(text)!r} is a JSONPath. Leave out the {text[0]!r}{_instead(rest)}"


def _many(text: str) -> Iterator[str]:
    if re.search(r"\[\s*\?", text):
        yield f"{shown(text)!r} has a condition. A path names one value, such as items[0].id"
    elif "*" in text:
        yield f"{shown(text)!r} has a wildcard. A path names one value, such as items[0].id"
    elif re.search(r"\[[^\]\"']*[:,]", text):
        yield f"{shown(text)!r} names several items. A path names one value, such as items[0].id"


def _negative(text: str) -> Iterator[str]:
    if re.search(r"\[\s*-\s*[0-9]", text) or any(map(NEGATIVE.fullmatch, text.split("."))):
        yield f"{shown(text)!r} has a negative index. Count from the first item, which is [0]."


def _dots(text: str) -> Iterator[str]:
    if text.startswith("."):
        yield f"{shown(text)!r} begins with a dot. Leave it out{_instead(text.lstrip('.'))}"
    elif text.endswith("."):
        yield f"{shown(text)!r} ends with a dot. Leave it out{_instead(text.rstrip('.'))}"
    elif ".." in text:
        yield f"{shown(text)!r} has two dots in a row. Name every step{_instead(re.sub(r'[.]+', '.', text))}"
    elif ".[" in text:
        yield f"{shown(text)!r} has a dot before a bracket. Leave it out{_instead(text.replace('.[', '['))}"


def _escapes(text: str) -> Iterator[str]:
    if "\\" in text and "[" not in text:
        steps = [_ESCAPED.sub(r"\1", step) for step in _BARE_STEP.findall(text)]
        yield f"{shown(text)!r} has a backslash. Quote the key instead: {_written(steps)}"


def _brackets(text: str) -> Iterator[str]:
    if "[" not in text and "]" not in text:
        return
    if re.search(r"\[\s*\]", text):
        yield f"{shown(text)!r} has empty brackets. Write an index, such as [0]."
    elif re.search(r"\[\s*[0-9]{10}", text):
        yield f"{shown(text)!r} has an index of more than nine digits."
    elif key := re.search(r"\[\s*([^\s\]\[\"'0-9][^\]\[\"']*)\]", text):
        yield f"{shown(text)!r} has a key without quotes in brackets. Write {format_quoted(key[1].strip())}"
    elif text.count("[") != text.count("]") or text.count('"') % 2 or text.count("'") % 2:
        yield f"{shown(text)!r} has a bracket or a quote that is not closed. Examples: {EXAMPLE}"
    else:
        yield f"{shown(text)!r} misses a dot before a key. Examples: {EXAMPLE}"


def _calls(text: str) -> Iterator[str]:
    if "(" in text:
        yield f"{shown(text)!r} calls a function. A path names one value, such as items[0].id"


def _characters(text: str) -> Iterator[str]:
    """Yield the reason for a character that needs quotes: whatever is left."""
    steps = text.split(".")
    for at, step in enumerate(steps):
        if not is_key(step, first=not at):
            label = next((label + 1 for label in range(at) if steps[label] in _LABELS), None)
            quoted = steps if label is None else [*steps[:label], ".".join(steps[label:])]
            bare = next((character for character in step if not KEY.fullmatch(character)), step)
            what = "a blank" if bare.isspace() else repr(bare)
            yield f"{shown(text)!r} has {what} in a key. Quote such a key: {_written(quoted)}"


def format_quoted(key: str) -> str:
    """Return a key in brackets and quotes, as much as an error shows of it."""
    return f'["{shown(key)}"]'


def _written(steps: list[str]) -> str:
    return shown(format_path(tuple(step for step in steps if step))) or EXAMPLE


def _instead(text: str) -> str:
    """Return how to write it, where the rest is a path of plain keys."""
    steps: Path = tuple(text.split("."))
    plain = all(is_key(step, first=not at) for at, step in enumerate(steps))
    return f": {shown(text)}" if plain else "."


_REASONS: Final[tuple[Callable[[str], Iterator[str]], ...]] = (
    _empty,
    _json_pointer,
    _jsonpath,
    _many,
    _negative,
    _dots,
    _escapes,
    _brackets,
    _calls,
    _characters,
)
