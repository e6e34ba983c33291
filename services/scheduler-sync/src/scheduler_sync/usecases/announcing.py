"""Announcing what became of schedules, where that is news."""

from collections.abc import Callable
from datetime import datetime
from typing import Final
from uuid import UUID

import structlog

from scheduler_sync.domain.desired import DesiredSchedule
from scheduler_sync.domain.plan import ActualSchedule
from scheduler_sync.ports import Announcements, Configuration, NewerFactError, Schedules
from scheduler_sync.usecases.foretelling import Foreteller
from scheduler_sync.usecases.said import Said
from trigger_contracts.config import TriggerState
from trigger_contracts.schedules import (
    AnyScheduleFact,
    ScheduleRemoved,
    ScheduleSynced,
    ScheduleSyncFailed,
    schedule_id,
)

log = structlog.stdlib.get_logger(__name__)

ANNOUNCED: Final = 5
"""Next fire times in a fact. Temporal's listing has five and a description ten: take what both have."""


class Announcer:
    """Says nothing that is older than what was said. Everything raises ``BusAwayError``."""

    def __init__(
        self,
        announcements: Announcements,
        *,
        schedules: Schedules,
        configuration: Configuration,
        foreteller: Foreteller,
        said: Said,
        now: Callable[[], datetime],
    ) -> None:
        self._announcements = announcements
        self._schedules = schedules
        self._configuration = configuration
        self._foreteller = foreteller
        self._said = said
        self._now = now

    def knows(self, trigger: TriggerState, *, actual: ActualSchedule) -> bool:
        """Tell whether what a listing shows has been announced."""
        return self._said.is_synced(trigger.id, version=trigger.version, times=shown_times(actual))

    def is_refused(self, trigger_id: UUID) -> bool:
        """Tell whether the last try ended in a refusal."""
        return self._said.is_failed(trigger_id)

    async def refusal(self, trigger: TriggerState, *, reason: str, goes_on: ActualSchedule | None) -> None:
        """Announce it with the times that go on, where that is news: every comparison finds it again."""
        fact = ScheduleSyncFailed(
            trigger_id=trigger.id,
            trigger_version=trigger.version,
            schedule_id=schedule_id(trigger.id),
            at=self._now(),
            reason=reason,
            next_fire_times=() if goes_on is None else shown_times(goes_on),
        )
        if not self._said.has_refused(trigger.id, version=trigger.version, reason=reason):
            log.error("schedule refused", trigger_id=str(trigger.id), reason=reason)
        if not self._said.has_failed(fact):
            await self._say(fact)

    async def state(self, trigger: TriggerState, *, desired: DesiredSchedule | None) -> None:
        """Announce that a schedule is as it shall be, or gone.

        Raises ``TemporalAwayError`` where only Temporal can tell when it fires.
        """
        if desired is None:
            await self._say(
                ScheduleRemoved(
                    trigger_id=trigger.id,
                    trigger_version=trigger.version,
                    schedule_id=schedule_id(trigger.id),
                    at=self._now(),
                )
            )
            return
        times = await self._foreteller.next_times(desired, now=self._now(), count=ANNOUNCED)
        if times is None:
            actual = await self._schedules.describe(desired.schedule_id)
            times = () if actual is None else shown_times(actual)
        await self.times(trigger, times=times)

    async def times(self, trigger: TriggerState, *, times: tuple[datetime, ...]) -> None:
        """Announce that a schedule is as it shall be, and when it fires next."""
        await self._say(
            ScheduleSynced(
                trigger_id=trigger.id,
                trigger_version=trigger.version,
                schedule_id=schedule_id(trigger.id),
                at=self._now(),
                next_fire_times=times,
            )
        )

    async def _say(self, fact: AnyScheduleFact) -> None:
        """Announce a fact, unless one of a newer version has been.

        Where no such version is on the bus, the configuration went back (its database was restored), and what
        was said of it then is over.
        """
        try:
            sequence = await self._announcements.announce(fact)
        except NewerFactError as newer:
            latest = await self._configuration.latest(fact.trigger_id)
            if latest is None or latest.version > fact.trigger_version:
                return
            try:
                sequence = await self._announcements.announce(fact, over_version=newer.version)
            except NewerFactError:
                return
        self._said.apply(fact, sequence=sequence)


def shown_times(actual: ActualSchedule) -> tuple[datetime, ...]:
    """Return the times that a fact tells of a schedule; a paused one fires at none."""
    return () if actual.paused else actual.next_fire_times[:ANNOUNCED]
