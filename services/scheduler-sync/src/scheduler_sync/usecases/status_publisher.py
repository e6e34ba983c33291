"""The status of schedules on the bus: what is published of each, and what is news."""

from collections.abc import Callable
from datetime import datetime
from typing import Final
from uuid import UUID

import structlog

from scheduler_sync.domain.plan import ActualSchedule
from scheduler_sync.ports import Configuration, FactStream, NewerFactError
from trigger_contracts.config import TriggerState
from trigger_contracts.schedules import (
    AnyScheduleFact,
    ScheduleRemoved,
    ScheduleSynced,
    ScheduleSyncFailed,
    schedule_id,
)

log = structlog.stdlib.get_logger(__name__)

PUBLISHED_TIMES: Final = 5
"""Next fire times in a fact. Temporal's listing has five and a description ten: take what both have."""


class PublishedFacts:
    """The last fact of each schedule, of all replicas: a replica that starts publishes none of them again.

    Of times a hash is kept: they are only compared, and would be most of the memory that a trigger takes.
    """

    def __init__(self) -> None:
        self._synced: dict[UUID, tuple[int, int]] = {}
        self._failed: dict[UUID, tuple[int, tuple[int, str, int]]] = {}

    def apply(self, fact: AnyScheduleFact, *, sequence: int) -> None:
        """Keep a fact, unless one with a later place in the stream is kept."""
        if not self.forget(fact.trigger_id, sequence=sequence):
            return
        match fact:
            case ScheduleSynced():
                state = _hash_of_synced(fact.trigger_version, fact.next_fire_times)
                self._synced[fact.trigger_id] = (sequence, state)
            case ScheduleSyncFailed():
                self._failed[fact.trigger_id] = (sequence, _key_of_failed(fact))
            case ScheduleRemoved():
                pass

    def forget(self, trigger_id: UUID, *, sequence: int) -> bool:
        """Forget the facts of a trigger up to ``sequence``; return whether no later one is kept."""
        kept = self._synced.get(trigger_id) or self._failed.get(trigger_id)
        if kept is not None and kept[0] > sequence:
            return False
        self._synced.pop(trigger_id, None)
        self._failed.pop(trigger_id, None)
        return True

    def forget_all(self) -> None:
        """Forget every fact."""
        self._synced.clear()
        self._failed.clear()

    def is_synced(self, trigger_id: UUID, *, version: int, times: tuple[datetime, ...]) -> bool:
        """Tell whether the last fact is that this version is synced and fires at these times."""
        kept = self._synced.get(trigger_id)
        return kept is not None and kept[1] == _hash_of_synced(version, times)

    def is_refused(self, trigger_id: UUID) -> bool:
        """Tell whether the last fact is a refusal."""
        return trigger_id in self._failed

    def has(self, fact: ScheduleSyncFailed) -> bool:
        """Tell whether the last fact is this refusal, with the same next times."""
        kept = self._failed.get(fact.trigger_id)
        return kept is not None and kept[1] == _key_of_failed(fact)

    def has_reason(self, trigger_id: UUID, *, version: int, reason: str) -> bool:
        """Tell whether the last fact is this refusal, whatever its next times are."""
        kept = self._failed.get(trigger_id)
        return kept is not None and kept[1][:2] == (version, reason)


class StatusPublisher:
    """Publishes no fact that is older than the last one. Everything raises ``BusUnavailableError``."""

    def __init__(
        self,
        facts: FactStream,
        *,
        configuration: Configuration,
        published: PublishedFacts,
        now: Callable[[], datetime],
    ) -> None:
        self._facts = facts
        self._configuration = configuration
        self._published = published
        self._now = now

    async def publish_synced(self, trigger: TriggerState, *, times: tuple[datetime, ...]) -> None:
        """Publish that Temporal has the schedule, and when it fires next."""
        await self._publish(
            ScheduleSynced(
                trigger_id=trigger.id,
                trigger_version=trigger.version,
                schedule_id=schedule_id(trigger.id),
                at=self._now(),
                next_fire_times=times,
            )
        )

    async def publish_removed(self, trigger: TriggerState) -> None:
        """Publish that Temporal has no schedule of a trigger that is deleted."""
        await self._publish(
            ScheduleRemoved(
                trigger_id=trigger.id,
                trigger_version=trigger.version,
                schedule_id=schedule_id(trigger.id),
                at=self._now(),
            )
        )

    async def publish_refused(
        self, trigger: TriggerState, *, reason: str, still_active: ActualSchedule | None
    ) -> None:
        """Publish why there is no such schedule, where that is news: each comparison refuses it again.

        ``still_active`` is the schedule from before the change, which still fires.
        """
        fact = ScheduleSyncFailed(
            trigger_id=trigger.id,
            trigger_version=trigger.version,
            schedule_id=schedule_id(trigger.id),
            at=self._now(),
            reason=reason,
            next_fire_times=() if still_active is None else published_times(still_active),
        )
        if not self._published.has_reason(trigger.id, version=trigger.version, reason=reason):
            log.error("schedule refused", trigger_id=str(trigger.id), reason=reason)
        if not self._published.has(fact):
            await self._publish(fact)

    async def _publish(self, fact: AnyScheduleFact) -> None:
        """Publish a fact, unless one of a newer version is there.

        Where the bus does not have that newer version, the configuration's database was restored. Then the
        newer fact is about a version that is gone.
        """
        try:
            sequence = await self._facts.publish(fact)
        except NewerFactError as newer:
            latest = await self._configuration.latest(fact.trigger_id)
            if latest is None or latest.version > fact.trigger_version:
                return
            try:
                sequence = await self._facts.publish(fact, over_version=newer.version)
            except NewerFactError:
                return
        self._published.apply(fact, sequence=sequence)


def published_times(actual: ActualSchedule) -> tuple[datetime, ...]:
    """Return the times that a fact has of a schedule; a paused one does not fire."""
    return () if actual.paused else actual.next_fire_times[:PUBLISHED_TIMES]


def _hash_of_synced(version: int, times: tuple[datetime, ...]) -> int:
    return hash((version, times))


def _key_of_failed(fact: ScheduleSyncFailed) -> tuple[int, str, int]:
    return (fact.trigger_version, fact.reason, hash(fact.next_fire_times))
