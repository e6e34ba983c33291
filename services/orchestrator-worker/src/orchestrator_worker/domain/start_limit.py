"""How many starts may be under way at once."""

from typing import Final

_LEAST: Final = 2
_FIRST: Final = 4
_FEW_WAIT: Final = 1.5
_MANY_WAIT: Final = 3.0
_STARTS_OF_A_WINDOW: Final = 1000


class StartLimit:
    """Finds the number of starts that keeps Temporal busy while few of them wait there.

    More starts at once than Temporal works on do not end sooner: they wait there, in the order of their
    arrival, and a manual run waits behind all of them. So the number follows the time that a start takes, as
    TCP Vegas does: of ``size`` starts that take ``mean`` seconds, ``size * (1 - fastest / mean)`` wait.
    The fastest start is forgotten now and then, for Temporal itself may have become slower.
    """

    def __init__(self, *, most: int) -> None:
        self._most = most
        self._size = min(_FIRST, most)
        self._least = min(_LEAST, most)
        self._fastest = float("inf")
        self._seconds = 0.0
        self._ended = 0
        self._left = _STARTS_OF_A_WINDOW

    @property
    def size(self) -> int:
        """How many starts may be under way."""
        return self._size

    def succeeded(self, seconds: float) -> None:
        """Take in how long a start took."""
        self._fastest = min(self._fastest, seconds)
        self._seconds += seconds
        self._ended += 1
        self._left -= 1
        if self._ended >= self._size:
            self._adjust()
        if self._left <= 0:
            # With fewer at once, what a start takes by itself can be seen again.
            self._resize(self._size // 2)
            self._fastest, self._left = float("inf"), _STARTS_OF_A_WINDOW

    def failed(self) -> None:
        """Take in that Temporal could not take a start."""
        self._resize(self._size // 2)

    def _adjust(self) -> None:
        mean = self._seconds / self._ended
        waiting = self._size * (1 - self._fastest / mean) if mean > 0 else 0.0
        if waiting < _FEW_WAIT:
            self._resize(self._size + max(1, self._size // 4))
        elif waiting > _MANY_WAIT:
            self._resize(self._size - 1)
        else:
            self._resize(self._size)

    def _resize(self, size: int) -> None:
        self._size = max(self._least, min(self._most, size))
        self._seconds, self._ended = 0.0, 0
