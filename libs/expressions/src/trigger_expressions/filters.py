"""What an event is filtered by: values at dotted paths, such as ``data.lines.0.sku``."""

import re
from typing import Final

_FILTER_PATH: Final = re.compile(r"[^.\[\]\s]+(\.[^.\[\]\s]+)*")


def filter_path(text: str) -> tuple[str, ...] | None:
    """Return the segments of a path, ``None`` for a text that is not one."""
    return tuple(text.split(".")) if _FILTER_PATH.fullmatch(text) else None
