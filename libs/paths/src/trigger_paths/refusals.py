"""Why a text is no path, and what to write instead: most are written in another system's notation."""

import re
from collections.abc import Callable
from typing import Final

from trigger_paths.notation import JSONPATH_ROOTS, KEY, NEGATIVE, QUOTED, format_path, is_key, shown

EXAMPLE: Final = 'data.items[0].id, body["First Name"]'

_ONE_VALUE: Final = "A path names one value, such as items[0].id"
_BARE_STEP: Final = re.compile(r"(?:\\.|[^.\\])+", re.DOTALL)
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)
_PLAIN_STEP: Final = re.compile(r"[^.\[\]]*")
_LABELS: Final = frozenset({"labels", "annotations", "matchLabels"})
"""Objects of Kubernetes whose keys have dots: ``app.kubernetes.io/name``."""
_LONGEST_ADVICE: Final = 200


def reason_of(text: str, *, end: int) -> str:
    """Return what is wrong with a text that is no path; ``end`` is where it stops to be one."""
    # What stands in quotes is of no notation. The length stays, so that positions do.
    bare = QUOTED.sub(lambda quoted: f'"{"_" * (len(quoted[0]) - 2)}"', text)
    for find in _NOTATIONS:
        if reason := find(bare):
            return f"{shown(text)!r} {reason}"
    return f"{shown(text)!r} {_key_reason(text, bare=bare, end=end)}"


def _empty(text: str) -> str | None:
    return None if text.strip() else f"is empty. Examples: {EXAMPLE}"


def _json_pointer(text: str) -> str | None:
    pointer = text.removeprefix("#")
    if not pointer.startswith("/"):
        return None
    steps = [step.replace("~1", "/").replace("~0", "~") for step in pointer[1:].split("/")]
    return f"is a JSON pointer. Write {_written(steps)}"


def _jsonpath(text: str) -> str | None:
    if text[0] not in JSONPATH_ROOTS or text[1:2] not in {"", ".", "["}:
        return None
    return f"is a JSONPath. Leave out the {text[0]!r}{_instead(text[1:].removeprefix('.'))}"


def _many(text: str) -> str | None:
    if re.search(r"\[\s*\?", text):
        return f"has a condition. {_ONE_VALUE}"
    if re.search(r"(?:^|[.\[])\s*\*+\s*(?:[.\]]|$)", text):
        return f"has a wildcard. {_ONE_VALUE}"
    if re.search(r"\[[^\]]*[:,]", text):
        return f"names several items. {_ONE_VALUE}"
    if re.search(r"\w\(", text):
        return 'calls a function. A path has none; a key is quoted: body["Total (EUR)"]'
    return None


def _negative(text: str) -> str | None:
    if re.search(r"\[\s*-\s*[0-9]", text) or any(map(NEGATIVE.fullmatch, text.split("."))):
        return "has a negative index. Count from the first item, which is [0]."
    return None


def _dots(text: str) -> str | None:
    if text.startswith("."):
        return f"begins with a dot. Leave it out{_instead(text.lstrip('.'))}"
    if text.endswith("."):
        return f"ends with a dot. Leave it out{_instead(text.rstrip('.'))}"
    if ".." in text:
        return f"has two dots in a row. Name every step{_instead(re.sub('[.]+', '.', text))}"
    if ".[" in text:
        return f"has a dot before a bracket. Leave it out{_instead(text.replace('.[', '['))}"
    return None


def _escapes(text: str) -> str | None:
    if "\\" not in text or "[" in text:
        return None
    steps = [_ESCAPED.sub(r"\1", step) for step in _BARE_STEP.findall(text)]
    return f"has a backslash. Quote the key instead: {_written(steps)}"


def _brackets(text: str) -> str | None:
    if re.search(r"\[\s*\]", text):
        return "has empty brackets. Write an index, such as [0]."
    if re.search(r"\[\s*[0-9]{10}", text):
        return "has an index of more than nine digits."
    if key := re.search(r"\[\s*([^\s\]\[\"'0-9][^\]\[\"']*)\]", text):
        return f'has a key without quotes in brackets. Write ["{shown(key[1].strip())}"]'
    if text.count("[") != text.count("]") or re.search(r"\[\s*['\"](?!_*\"\s*\])", text):
        return f"has a bracket or a quote that is not closed. Examples: {EXAMPLE}"
    return None


def _key_reason(text: str, *, bare: str, end: int) -> str:
    """Return the reason for the first key that needs quotes: what no notation explains."""
    start = max(bare.rfind(".", 0, end), bare.rfind("]", 0, end)) + 1
    step = _PLAIN_STEP.match(text, start)
    key = step[0] if step is not None else ""
    if is_key(key, first=not start) or not key or text[max(start - 1, 0)] == "]":
        return f"is not a path. Write a dot before a key. Examples: {EXAMPLE}"
    mark = next((character for character in key if not KEY.fullmatch(character)), key)
    before = text[: max(start - 1, 0)]
    rest = text[start + len(key) :]
    steps = text.split(".")
    label = next((at + 1 for at, name in enumerate(steps) if name in _LABELS), len(steps))
    if "[" in text:
        advice = f"{before}{format_path(('', key))[4:]}{rest}"
    elif label < len(steps):
        advice = format_path((*steps[:label], ".".join(steps[label:])))
    else:
        advice = format_path(tuple(steps))
    what = "a blank" if mark.isspace() else repr(mark)
    return f"has {what} in a key. Quote such a key: {advice[:_LONGEST_ADVICE]}"


def _written(steps: list[str]) -> str:
    return format_path(tuple(step for step in steps if step))[:_LONGEST_ADVICE] or EXAMPLE


def _instead(text: str) -> str:
    """Return how to write it, where the rest is a path of plain keys."""
    plain = all(is_key(step, first=not at) for at, step in enumerate(text.split(".")))
    return f": {text[:_LONGEST_ADVICE]}" if plain else "."


_NOTATIONS: Final[tuple[Callable[[str], str | None], ...]] = (
    _empty,
    _json_pointer,
    _jsonpath,
    _many,
    _negative,
    _dots,
    _escapes,
    _brackets,
)
