"""How many requests each trigger gets, so that unusual traffic is visible."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from uuid import UUID

WINDOW_SECONDS: Final = 60.0
_MOST_TRIGGERS: Final = 10_000


class Outcome(StrEnum):
    """What became of a request."""

    TAKEN = "taken"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerLoad:
    """The requests of a trigger in a window; ``None`` stands for all other triggers together."""

    trigger_id: UUID | None
    outcome: Outcome
    requests: int


class TriggerRates:
    """Counts by trigger within windows of a minute; ``now`` is in seconds of a clock that only goes forward.

    At most ``_MOST_TRIGGERS`` are counted separately in a window, so that ids cannot fill the memory.
    """

    def __init__(self) -> None:
        self._begun = 0.0
        self._current: dict[tuple[UUID | None, Outcome], int] = {}
        self._last: dict[tuple[UUID | None, Outcome], int] = {}

    def note(self, trigger_id: UUID, *, outcome: Outcome, now: float) -> None:
        """Count one request."""
        if now - self._begun >= WINDOW_SECONDS:
            self._begin_window(now)
        key: tuple[UUID | None, Outcome] = (trigger_id, outcome)
        if key not in self._current and len(self._current) >= _MOST_TRIGGERS:
            key = (None, outcome)
        self._current[key] = self._current.get(key, 0) + 1

    def busiest(self, count: int, *, now: float) -> list[TriggerLoad]:
        """Return the busiest triggers of the last whole window, then all others as one."""
        if now - self._begun >= WINDOW_SECONDS:
            self._begin_window(now)
        ranked = sorted(self._last.items(), key=lambda item: item[1], reverse=True)
        named = [item for item in ranked if item[0][0] is not None]
        loads = [TriggerLoad(trigger_id=key[0], outcome=key[1], requests=n) for key, n in named[:count]]
        for outcome in Outcome:
            rest = sum(n for key, n in named[count:] if key[1] is outcome) + self._last.get(
                (None, outcome), 0
            )
            loads.append(TriggerLoad(trigger_id=None, outcome=outcome, requests=rest))
        return loads

    def _begin_window(self, now: float) -> None:
        # After a pause the window before this one was empty.
        is_next = now - self._begun < 2 * WINDOW_SECONDS
        self._last = self._current if is_next else {}
        self._current = {}
        self._begun = self._begun + WINDOW_SECONDS if is_next else now
