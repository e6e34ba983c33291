"""What a schedule's expressions and options come to, as Temporal will get it."""

from typing import Final

from trigger_contracts.config import AnyTriggerConfig, DstPolicy, ScheduleConfig
from trigger_cron import DstPolicy as CronDstPolicy
from trigger_cron import Timetable, TimetableCache, TimetableError, TimetableKey

__all__ = ["TimetableError", "is_worked_out", "policy_of", "timetable_of"]

_POLICY: Final = {
    DstPolicy.LITERAL: CronDstPolicy.LITERAL,
    DstPolicy.SHIFT: CronDstPolicy.SHIFT,
}

# A schedule is looked at when it is previewed, and when it is saved.
_KEPT: Final = TimetableCache(256)


def timetable_of(config: ScheduleConfig) -> Timetable:
    """Return the calendars of a configuration whose expressions and zone are valid.

    Raises ``TimetableError`` where they cannot be said in calendars, ``ExclusionError`` among them.
    """
    return _KEPT.timetable(_times_of(config))


def is_worked_out(config: AnyTriggerConfig) -> bool:
    """Tell whether looking at a configuration takes some milliseconds at most.

    A timetable with the policy ``shift`` takes up to two seconds, also to be refused, unless it is known.
    """
    if not isinstance(config, ScheduleConfig):
        return True
    times = _times_of(config)
    return times.is_simple or _KEPT.has(times)


def policy_of(config: ScheduleConfig) -> CronDstPolicy:
    """Return the policy for changes of the clock in the words of ``libs/cron``."""
    return _POLICY[config.dst_policy]


def _times_of(config: ScheduleConfig) -> TimetableKey:
    return TimetableKey(
        expressions=(config.cron_expression, *config.additional_expressions),
        zone=config.timezone,
        excluded_dates=config.excluded_dates,
        dst_policy=policy_of(config),
    )
