"""Reads paths: strictly when they are saved, and as earlier releases did when they are used."""

import re
from typing import Final

from trigger_paths.notation import BRACKET, KEY, QUOTED, Path, PathError, is_key, unquote
from trigger_paths.refusals import reason_of

MAX_LENGTH: Final = 1000
MAX_STEPS: Final = 100

_STORED: Final = re.compile(r"[^.\[\]\s]+(?:\.[^.\[\]\s]+|\[[0-9]+\])*")
_STORED_STEP: Final = re.compile(r"[^.\[\]]+")


def parse_path(text: str) -> Path:
    """Return the steps of a path. Raises ``PathError``."""
    # First, so that no reason for a refusal takes long to find.
    if len(text) > MAX_LENGTH:
        raise PathError(f"A path has at most {MAX_LENGTH} characters.")
    path, end = scan_path(text, start=0)
    if not path or end < len(text):
        raise PathError(reason_of(text, end=end))
    if len(path) > MAX_STEPS:
        raise PathError(f"A path has at most {MAX_STEPS} steps.")
    return path


def stored_path(text: str) -> Path:
    """Return the steps of what this or an earlier release saved. Raises ``PathError``.

    Earlier releases took all characters without quotes but blanks, dots and brackets.
    """
    if _STORED.fullmatch(text):
        return tuple(_STORED_STEP.findall(text))
    return parse_path(text)


def scan_path(text: str, *, start: int) -> tuple[Path, int]:
    """Return the longest path that begins at a position, maybe an empty one, and where it ends.

    Raises ``PathError`` for an escape that is not JSON's.
    """
    steps: list[str] = []
    at = start
    while True:
        if bracket := BRACKET.match(text, at):
            steps.append(bracket["index"] or unquote(bracket["quoted"]))
            at = bracket.end()
            continue
        key = KEY.match(text, at + 1 if steps and text.startswith(".", at) else at)
        if key is None or (steps and key.start() == at) or not is_key(key[0], first=not steps):
            return tuple(steps), at
        steps.append(key[0])
        at = key.end()


def scan_text(text: str, *, start: int) -> tuple[str, int] | None:
    """Return the quoted text that begins at a position, and where it ends; ``None`` where none begins.

    Raises ``PathError`` for an escape that is not JSON's.
    """
    quoted = QUOTED.match(text, start)
    return None if quoted is None else (unquote(quoted[0]), quoted.end())
