"""Which schedules a comparison describes: each of them once within all rounds."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Final
from uuid import UUID

_MOST_ROUNDS: Final = 4
"""Rounds at a time. A new leader makes up for those since the last leader; and one that leads again does not
do at once what others have done meanwhile."""


class DescribeRotation:
    """Goes by the clock, so that another process goes on about where the last one stopped."""

    def __init__(self, *, seconds: float, rounds: int) -> None:
        """``seconds`` is the length of a round; ``rounds`` of them describe every schedule."""
        self._seconds = seconds
        self._rounds = rounds
        self._last: int | None = None
        self._retried: set[UUID] = set()

    def due(self, now: datetime) -> Callable[[UUID], bool]:
        """Return which triggers are due: those of the rounds since the last call, and those to retry."""
        current = int(now.timestamp() // self._seconds)
        earliest = current - min(_MOST_ROUNDS, self._rounds)
        last = earliest if self._last is None else max(self._last, earliest)
        self._last = current
        rounds = {number % self._rounds for number in range(last + 1, current + 1)}
        retried, self._retried = self._retried, set()
        if self._rounds == 1:
            return lambda _: True
        return lambda trigger_id: trigger_id.int % self._rounds in rounds or trigger_id in retried

    def retry(self, triggers: Iterable[UUID]) -> None:
        """Make triggers due again at the next call."""
        self._retried.update(triggers)
