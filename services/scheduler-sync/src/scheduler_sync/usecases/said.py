"""What was last said of each schedule, by whichever replica."""

from datetime import datetime
from uuid import UUID

from trigger_contracts.schedules import AnyScheduleFact, ScheduleRemoved, ScheduleSynced, ScheduleSyncFailed


class Said:
    """Kept in memory from the facts on the bus, so that a replica which starts need not say all of it again.

    Of times a hash is kept, which is all that is asked of them: the times themselves are most of what would
    be kept of a trigger.
    """

    def __init__(self) -> None:
        self._synced: dict[UUID, tuple[int, int]] = {}
        self._failed: dict[UUID, tuple[int, tuple[int, str, int]]] = {}

    def apply(self, fact: AnyScheduleFact, *, sequence: int) -> None:
        """Take a fact for said, unless one with a later place in the stream is known."""
        if not self.forget(fact.trigger_id, sequence=sequence):
            return
        match fact:
            case ScheduleSynced():
                said = _synced(fact.trigger_version, fact.next_fire_times)
                self._synced[fact.trigger_id] = (sequence, said)
            case ScheduleSyncFailed():
                self._failed[fact.trigger_id] = (sequence, _failed(fact))
            case ScheduleRemoved():
                pass

    def forget(self, trigger_id: UUID, *, sequence: int) -> bool:
        """Take nothing for said of a trigger up to there; return whether nothing later is known."""
        known = self._synced.get(trigger_id) or self._failed.get(trigger_id)
        if known is not None and known[0] > sequence:
            return False
        self._synced.pop(trigger_id, None)
        self._failed.pop(trigger_id, None)
        return True

    def forget_all(self) -> None:
        """Take nothing for said."""
        self._synced.clear()
        self._failed.clear()

    def is_synced(self, trigger_id: UUID, *, version: int, times: tuple[datetime, ...]) -> bool:
        """Tell whether it was said that this version is synced, and fires at these times."""
        known = self._synced.get(trigger_id)
        return known is not None and known[1] == _synced(version, times)

    def is_failed(self, trigger_id: UUID) -> bool:
        """Tell whether the last that was said is a refusal."""
        return trigger_id in self._failed

    def has_failed(self, fact: ScheduleSyncFailed) -> bool:
        """Tell whether this refusal was said, with the times that go on."""
        known = self._failed.get(fact.trigger_id)
        return known is not None and known[1] == _failed(fact)

    def has_refused(self, trigger_id: UUID, *, version: int, reason: str) -> bool:
        """Tell whether this refusal was said, whatever goes on."""
        known = self._failed.get(trigger_id)
        return known is not None and known[1][:2] == (version, reason)


def _synced(version: int, times: tuple[datetime, ...]) -> int:
    return hash((version, times))


def _failed(fact: ScheduleSyncFailed) -> tuple[int, str, int]:
    return (fact.trigger_version, fact.reason, hash(fact.next_fire_times))
