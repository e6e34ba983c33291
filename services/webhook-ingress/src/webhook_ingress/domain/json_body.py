"""Looking into a body that should be JSON: never an error, and no more of it is built than is asked for."""

import codecs
from typing import Final, TypeVar

import msgspec

T = TypeVar("T")

_MAX_UNVERIFIED_BYTES: Final = 1024 * 1024


class Part(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A part of a body; fields that are not named are skipped without being built."""


def read(body: bytes, kind: type[T]) -> T | None:
    """Return the body as a type; ``None`` where it does not fit.

    Before a sender is known this is the way to look: of a hostile megabyte almost nothing is kept.
    """
    try:
        return msgspec.json.decode(body.removeprefix(codecs.BOM_UTF8), type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def is_costly(body: bytes, *, key: bytes, most: int) -> bool:
    """Tell whether a body names a key more than ``most`` times, or is too large to be read for a stranger.

    A provider that signs within its body makes us read it before the sender is verified: a stranger's
    megabyte of empty items would hold all others up for a tenth of a second.
    """
    return len(body) > _MAX_UNVERIFIED_BYTES or body.count(key) > most
