"""Stream ``SCHEDULES``: what became of a trigger's schedule in Temporal; the last fact per trigger stays."""

from typing import Final
from uuid import UUID

from trigger_contracts.codec import Codec, Message
from trigger_contracts.config import Time


class ScheduleFact(Message, frozen=True, kw_only=True):
    """What every fact carries: which configuration version it speaks of."""

    trigger_id: UUID
    trigger_version: int
    schedule_id: str
    at: Time


class ScheduleSynced(ScheduleFact, tag="ScheduleSynced/1", frozen=True, kw_only=True):
    """Temporal's schedule equals the configuration. ``next_fire_times`` is empty while it is paused."""

    next_fire_times: tuple[Time, ...]


class ScheduleSyncFailed(ScheduleFact, tag="ScheduleSyncFailed/1", frozen=True, kw_only=True):
    """Temporal refused the configuration; what was there before stays."""

    reason: str
    next_fire_times: tuple[Time, ...] = ()
    """Of what was there before, and goes on. Empty where nothing was, or it is paused or finished."""


class ScheduleRemoved(ScheduleFact, tag="ScheduleRemoved/1", frozen=True, kw_only=True):
    """Temporal holds no schedule for the trigger any more."""


AnyScheduleFact = ScheduleSynced | ScheduleSyncFailed | ScheduleRemoved

FACTS: Final[Codec[AnyScheduleFact]] = Codec(ScheduleSynced, ScheduleSyncFailed, ScheduleRemoved)


def schedule_id(trigger_id: UUID) -> str:
    """Return the id of a trigger's schedule in Temporal."""
    return f"trigger-{trigger_id}"
