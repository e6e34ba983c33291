"""Whose turn it is to be looked at closely: each one's once within all rounds."""

from collections.abc import Callable, Iterable
from datetime import datetime
from uuid import UUID


class Turns:
    """By the clock, so that whoever compares goes on where another process has stopped."""

    def __init__(self, *, seconds: float, rounds: int) -> None:
        """``seconds`` is the length of a round; after ``rounds`` of them all had their turn."""
        self._seconds = seconds
        self._rounds = rounds
        self._last: int | None = None
        self._missed: set[UUID] = set()

    def due(self, now: datetime) -> Callable[[UUID], bool]:
        """Return who is due: the rounds since the last call, which may have been late, and who missed his."""
        current = int(now.timestamp() // self._seconds)
        last = current - 1 if self._last is None else max(self._last, current - self._rounds)
        self._last = current
        rounds = {number % self._rounds for number in range(last + 1, current + 1)}
        missed, self._missed = self._missed, set()
        if self._rounds == 1:
            return lambda _: True
        return lambda trigger_id: trigger_id.int % self._rounds in rounds or trigger_id in missed

    def missed(self, triggers: Iterable[UUID]) -> None:
        """Let them be due again next time."""
        self._missed.update(triggers)
