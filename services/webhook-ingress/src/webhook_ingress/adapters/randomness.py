"""Random bytes for ids."""

import os
from typing import Final

_POOL_BYTES: Final = 8192


class RandomPool:
    """The system's random bytes, asked for by the page: a system call for each id was a tenth of a request.

    Each byte is given out once. Not for secrets: what is not given out yet lies in memory.
    """

    def __init__(self) -> None:
        self._pool = b""
        self._taken = 0

    def take(self, count: int) -> bytes:
        """Return ``count`` bytes, at most a page of them."""
        end = self._taken + count
        if end > len(self._pool):
            self._pool, self._taken, end = os.urandom(_POOL_BYTES), 0, count
        taken = self._pool[self._taken : end]
        self._taken = end
        return taken
