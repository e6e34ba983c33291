"""Time and randomness, as the use case needs them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from trigger_contracts import ids


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockAndIds:
    """``now`` is UTC, ``monotonic`` in seconds."""

    now: Callable[[], datetime]
    monotonic: Callable[[], float]
    random_bytes: Callable[[int], bytes]

    def new_id(self, at: datetime | None = None) -> UUID:
        """Return a UUIDv7 of a moment, or of this one."""
        unix_ms = int((at or self.now()).timestamp() * 1000)
        return ids.uuid7(unix_ms=unix_ms, randomness=self.random_bytes(10))
