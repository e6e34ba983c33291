"""What is wrong with something a user wrote, and where."""

from collections.abc import Iterable
from typing import Final

import msgspec

MAX_FIELD_ERRORS: Final = 100
"""What a response names; a body that is wrong in more places is not read to its end."""

_LONGEST_STEP: Final = 200
"""Characters of a key in a pointer: with a key of megabytes every pointer below it would have as many."""


class FieldError(msgspec.Struct, frozen=True):
    """One thing that is wrong. ``pointer`` is a JSON pointer (RFC 6901) from the root of what was sent."""

    pointer: str
    detail: str


class InvalidError(Exception):
    """What was sent is well-formed, and its content is wrong in the places that ``field_errors`` names."""

    def __init__(self, field_errors: Iterable[FieldError]) -> None:
        self.field_errors = tuple(field_errors)
        super().__init__("; ".join(f"{error.pointer}: {error.detail}" for error in self.field_errors))


def raise_if_invalid(field_errors: Iterable[FieldError]) -> None:
    """Raise ``InvalidError`` where there are errors."""
    if errors := tuple(field_errors):
        raise InvalidError(errors)


def pointer_step(key: str) -> str:
    """Return one step of a JSON pointer (RFC 6901, 3), cut where it is longer than a person reads."""
    if len(key) > _LONGEST_STEP:
        key = f"{key[:_LONGEST_STEP]}…"
    return key.replace("~", "~0").replace("/", "~1")


def size_errors(value: object, *, limit: int, pointer: str) -> list[FieldError]:
    """Return an error where a value is larger than ``limit`` bytes as this system writes it.

    That can be several times what was sent: ``1e15`` is written as ``1000000000000000.0``.
    """
    size = len(msgspec.json.encode(value))
    if size <= limit:
        return []
    return [FieldError(pointer, f"This is {size} bytes as it is stored; {limit} are allowed.")]
