"""What a schedule's expressions and options come to, as Temporal will get it."""

from datetime import date
from functools import lru_cache
from typing import Final

from trigger_contracts.config import DstPolicy, ScheduleConfig
from trigger_cron import DstPolicy as CronDstPolicy
from trigger_cron import Timetable, TimetableError, compile_timetable, parse

__all__ = ["TimetableError", "policy_of", "timetable_of"]

_POLICY: Final = {
    DstPolicy.LITERAL: CronDstPolicy.LITERAL,
    DstPolicy.SHIFT: CronDstPolicy.SHIFT,
}


def timetable_of(config: ScheduleConfig) -> Timetable:
    """Return the calendars of a configuration whose expressions and zone are valid.

    Raises ``TimetableError`` where they cannot be said in calendars, ``ExclusionError`` among them.
    """
    found = _compiled(
        (config.cron_expression, *config.additional_expressions),
        timezone=config.timezone,
        excluded_dates=config.excluded_dates,
        dst_policy=policy_of(config),
    )
    if isinstance(found, TimetableError):
        raise type(found)(found.reason)
    return found


def policy_of(config: ScheduleConfig) -> CronDstPolicy:
    """Return the policy for changes of the clock in the words of ``libs/cron``."""
    return _POLICY[config.dst_policy]


# ``shift`` takes a tenth of a second and more, also to be refused, and a schedule is looked at when it is
# previewed and when it is saved.
@lru_cache(maxsize=256)
def _compiled(
    expressions: tuple[str, ...],
    *,
    timezone: str,
    excluded_dates: tuple[date, ...],
    dst_policy: CronDstPolicy,
) -> Timetable | TimetableError:
    """Return the timetable, or why there is none: a cache keeps no exceptions."""
    crons = [parse(expression) for expression in expressions]
    try:
        return compile_timetable(crons, zone=timezone, excluded_dates=excluded_dates, dst_policy=dst_policy)
    except TimetableError as error:
        # Without its traceback, which would keep the frames alive.
        return error.with_traceback(None)
