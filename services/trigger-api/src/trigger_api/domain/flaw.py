"""What is wrong with something a user wrote, and where."""

from dataclasses import dataclass
from typing import Final

import msgspec

MAX_FLAWS: Final = 100
"""What an answer names."""

_LONGEST_STEP: Final = 200


@dataclass(frozen=True, slots=True)
class Flaw:
    """``pointer`` is a JSON pointer (RFC 6901) from the root of what was sent."""

    pointer: str
    detail: str


def escape(token: str) -> str:
    """Return one step of a JSON pointer, cut where it is longer than anybody reads."""
    if len(token) > _LONGEST_STEP:
        token = f"{token[:_LONGEST_STEP]}…"
    return token.replace("~", "~0").replace("/", "~1")


def too_large(value: object, *, limit: int, pointer: str) -> list[Flaw]:
    """Return a flaw where a value is larger than ``limit`` bytes as this service writes it.

    That can be several times what was sent: ``1e15`` is written as ``1000000000000000.0``.
    """
    size = len(msgspec.json.encode(value))
    return (
        [Flaw(pointer, f"This is {size} bytes as it is stored; {limit} are allowed.")] if size > limit else []
    )


class InvalidError(Exception):
    """What was sent is well-formed, and does not mean anything that can be done."""

    def __init__(self, flaws: list[Flaw]) -> None:
        super().__init__("; ".join(f"{flaw.pointer}: {flaw.detail}" for flaw in flaws))
        self.flaws = flaws
