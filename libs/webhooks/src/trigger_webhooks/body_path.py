"""``idempotencyKey.body``: a path into a JSON body, such as ``data.id`` or ``items[0].id``."""

import re
from typing import Final

BodyPath = tuple[str | int, ...]
"""The steps: the key of an object, or the index in an array."""

_PATH: Final = re.compile(r"[^.\[\]\s]+(?:\.[^.\[\]\s]+|\[[0-9]{1,6}\])*")
_STEP: Final = re.compile(r"\[([0-9]{1,6})\]|([^.\[\]]+)")


def body_path_of(text: str) -> BodyPath | None:
    """Return the steps of a path; ``None`` where the text is not a path."""
    if not _PATH.fullmatch(text):
        return None
    return tuple(int(index) if index else key for index, key in _STEP.findall(text))
