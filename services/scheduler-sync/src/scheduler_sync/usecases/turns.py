"""Whose turn it is to be looked at closely: each one's once within all rounds."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Final
from uuid import UUID

_AT_ONCE: Final = 4
"""Rounds. Whoever leads for the first time makes up for those between him and the one before; and whoever
leads again does not do at once what others have done meanwhile."""


class Turns:
    """By the clock, so that whoever compares goes on about where another process has stopped."""

    def __init__(self, *, seconds: float, rounds: int) -> None:
        """``seconds`` is the length of a round; after ``rounds`` of them all had their turn."""
        self._seconds = seconds
        self._rounds = rounds
        self._last: int | None = None
        self._missed: set[UUID] = set()

    def due(self, now: datetime) -> Callable[[UUID], bool]:
        """Return who is due: the rounds since the last call, but for old ones, and who missed his."""
        current = int(now.timestamp() // self._seconds)
        earliest = current - min(_AT_ONCE, self._rounds)
        last = earliest if self._last is None else max(self._last, earliest)
        self._last = current
        rounds = {number % self._rounds for number in range(last + 1, current + 1)}
        missed, self._missed = self._missed, set()
        if self._rounds == 1:
            return lambda _: True
        return lambda trigger_id: trigger_id.int % self._rounds in rounds or trigger_id in missed

    def missed(self, triggers: Iterable[UUID]) -> None:
        """Let them be due again next time."""
        self._missed.update(triggers)
