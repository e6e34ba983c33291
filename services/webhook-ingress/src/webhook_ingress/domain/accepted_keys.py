"""Which deliveries were accepted under a key, so that a repetition is known before any rate limit.

It is a memory of one process and ends with it: a repetition that it does not know counts against the limit
like a first request, and starts nothing twice all the same, for the execution's id follows from the key.
"""

from typing import Final
from uuid import UUID

_MOST: Final = 50_000
_SECONDS: Final = 24 * 60 * 60.0


class AcceptedKeys:
    """Executions by id, which is the hash of trigger and key: the ones that came or were asked for last."""

    def __init__(self, *, most: int = _MOST, seconds: float = _SECONDS) -> None:
        """``seconds`` is how long after its acceptance a key is known."""
        self._most = most
        self._seconds = seconds
        self._accepted_at: dict[bytes, float] = {}

    def add(self, execution_id: UUID, *, now: float) -> None:
        """Remember an execution whose delivery is stored; ``now`` is in seconds, of a clock without steps."""
        self._accepted_at.pop(execution_id.bytes, None)
        self._accepted_at[execution_id.bytes] = now
        if len(self._accepted_at) > self._most:
            del self._accepted_at[next(iter(self._accepted_at))]

    def has(self, execution_id: UUID, *, now: float) -> bool:
        """Tell whether a delivery of this execution was accepted."""
        accepted_at = self._accepted_at.pop(execution_id.bytes, None)
        if accepted_at is None or now - accepted_at >= self._seconds:
            return False
        # The last in the order again, with the age that it has.
        self._accepted_at[execution_id.bytes] = accepted_at
        return True

    def __len__(self) -> int:
        return len(self._accepted_at)
