"""Fires that Temporal dropped, of all schedules together."""

from collections.abc import Collection
from typing import Final

from trigger_contracts.schedule_requests import DroppedFires

NONE: Final = DroppedFires()


class DroppedFiresBySchedule:
    """What each schedule's last description said; one that dropped nothing takes no memory."""

    def __init__(self) -> None:
        self._by_schedule: dict[str, DroppedFires] = {}

    def note(self, schedule_id: str, dropped: DroppedFires) -> bool:
        """Keep what a description says; return whether it is more than the one before said."""
        before = self._by_schedule.pop(schedule_id, NONE)
        if dropped != NONE:
            self._by_schedule[schedule_id] = dropped
        return (
            dropped.missed_catchup_window > before.missed_catchup_window
            or dropped.skipped_overlap > before.skipped_overlap
            or dropped.buffer_full > before.buffer_full
        )

    def keep_only(self, schedule_ids: Collection[str]) -> None:
        """Forget the schedules that are gone."""
        for gone in self._by_schedule.keys() - schedule_ids:
            del self._by_schedule[gone]

    def total(self) -> DroppedFires:
        """Return the sums."""
        counts = self._by_schedule.values()
        return DroppedFires(
            missed_catchup_window=sum(one.missed_catchup_window for one in counts),
            skipped_overlap=sum(one.skipped_overlap for one in counts),
            buffer_full=sum(one.buffer_full for one in counts),
        )
