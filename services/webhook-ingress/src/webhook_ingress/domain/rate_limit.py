"""How often a trigger may fire: GCRA, the generic cell rate algorithm (ITU-T I.371).

One number is kept for each trigger, its *theoretical arrival time*: when the bucket of what was let in has
drained. Time is an argument, in seconds of any clock that only goes forward.
"""

import math
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from trigger_contracts.webhook_config import RateLimit

_SWEEP_EVERY: Final = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """The rate as senders see it, in whole seconds; ``retry_after`` is 0 for a request that is let in."""

    limit: RateLimit
    remaining: int
    reset_after: int
    retry_after: int = 0

    @property
    def is_exceeded(self) -> bool:
        """Whether the request comes too soon."""
        return self.retry_after > 0


def take(limit: RateLimit, *, drains_at: float | None, now: float) -> tuple[float | None, Rate]:
    """Return the new theoretical arrival time and the verdict; a refused request leaves the time as it is."""
    interval = limit.per_seconds / limit.requests
    burst = limit.burst or limit.requests
    after = max(drains_at if drains_at is not None else now, now) + interval
    early = after - burst * interval - now
    # Rounding must not refuse the last of a burst.
    if early > interval * 1e-6:
        reset = math.ceil(max((drains_at or now) - now, 0))
        wait = max(1, math.ceil(early))
        return drains_at, Rate(limit=limit, remaining=0, reset_after=reset, retry_after=wait)
    remaining = max(0, math.floor(-early / interval + 1e-6))
    return after, Rate(limit=limit, remaining=remaining, reset_after=math.ceil(round(after - now, 6)))


class Quota:
    """At most so many in a minute, for all together."""

    def __init__(self, per_minute: int) -> None:
        self._limit = RateLimit(requests=per_minute, per_seconds=60)
        self._drains_at: float | None = None

    def take(self, now: float) -> bool:
        """Count one; tell whether it is within the quota."""
        self._drains_at, rate = take(self._limit, drains_at=self._drains_at, now=now)
        return not rate.is_exceeded


class RateLimits:
    """The times of all triggers with a limit. A time that has passed is forgotten: its bucket is empty.

    So it holds at most one number for each trigger with a limit.
    """

    def __init__(self) -> None:
        self._drains_at: dict[UUID, float] = {}
        self._taken = 0

    def take(self, trigger_id: UUID, *, limit: RateLimit, now: float) -> Rate:
        """Count a request that would start a run."""
        self._taken += 1
        if self._taken % _SWEEP_EVERY == 0:
            self._drains_at = {key: time for key, time in self._drains_at.items() if time > now}
        drains_at, rate = take(limit, drains_at=self._drains_at.get(trigger_id), now=now)
        if drains_at is not None:
            self._drains_at[trigger_id] = drains_at
        return rate

    def __len__(self) -> int:
        return len(self._drains_at)
