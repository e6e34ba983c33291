"""Time, randomness and counting, as the use case needs them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from trigger_contracts import ids


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """``clock`` is UTC, ``monotonic`` in seconds; ``tally`` counts outcomes by name."""

    clock: Callable[[], datetime]
    monotonic: Callable[[], float]
    random_bytes: Callable[[int], bytes]
    tally: Callable[[str], None]

    def new_id(self, at: datetime | None = None) -> UUID:
        """Return a UUIDv7 of a moment, or of this one."""
        unix_ms = int((at or self.clock()).timestamp() * 1000)
        return ids.uuid7(unix_ms=unix_ms, randomness=self.random_bytes(10))
