"""What is wrong with something a user wrote, and where."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Flaw:
    """``pointer`` is a JSON pointer (RFC 6901) from the root of what was sent."""

    pointer: str
    detail: str


class InvalidError(Exception):
    """What was sent is well-formed, and does not mean anything that can be done."""

    def __init__(self, flaws: list[Flaw]) -> None:
        super().__init__("; ".join(f"{flaw.pointer}: {flaw.detail}" for flaw in flaws))
        self.flaws = flaws
