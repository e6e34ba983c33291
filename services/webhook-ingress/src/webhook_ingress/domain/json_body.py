"""Looking into a body that should be JSON: never an error, and no more of it built than is asked for."""

import re
from typing import Any, Final, TypeVar

import msgspec

T = TypeVar("T")

_MOST_UNPROVEN: Final = 1024 * 1024
_PATH: Final = re.compile(r"[^.\[\]\s]+(?:\.[^.\[\]\s]+|\[[0-9]{1,6}\])*", re.ASCII)
_STEP: Final = re.compile(r"\[([0-9]{1,6})\]|([^.\[\]]+)", re.ASCII)


class Part(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A part of a body; fields that are not named are passed over without being built."""


def read(body: bytes, kind: type[T]) -> T | None:
    """Return the body as a type, ``None`` where it is none.

    Before a sender is known this is the way to look: of a hostile megabyte almost nothing is kept.
    """
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def is_costly(body: bytes, *, key: bytes, most: int) -> bool:
    """Tell whether a body names a key more often than that, or is too large to be read for nobody.

    A provider that signs within its body makes us read it before anything is proven: a stranger's megabyte
    of empty items would hold everybody else up for a tenth of a second.
    """
    return len(body) > _MOST_UNPROVEN or body.count(key) > most


def is_path(text: str) -> bool:
    """Tell whether a text is a path like ``data.id`` or ``items[0].id``."""
    return _PATH.fullmatch(text) is not None


def at(body: bytes, path: str) -> Any:
    """Return what stands at a path, ``None`` for nothing."""
    value: Any = read(body, object)
    for place, name in _STEP.findall(path):
        if name and isinstance(value, dict):
            value = value.get(name)
        elif place and isinstance(value, list) and int(place) < len(value):
            value = value[int(place)]
        else:
            return None
    return value
