"""When schedules fire, worked out once for many triggers."""

from typing import Final
from zoneinfo import ZoneInfoNotFoundError

from trigger_contracts.config import DstPolicy, ScheduleConfig, TriggerState
from trigger_cron import CronError, Timetable, TimetableCache, TimetableError, TimetableKey
from trigger_cron import DstPolicy as CompiledPolicy

_POLICY: Final = {
    DstPolicy.LITERAL: CompiledPolicy.LITERAL,
    DstPolicy.SHIFT: CompiledPolicy.SHIFT,
}

UNKNOWN_ZONE: Final = (ZoneInfoNotFoundError, ValueError, IsADirectoryError, NotADirectoryError)
"""What ``zoneinfo`` raises for a name that is none, or that of a folder of zones (``Europe``)."""

KEPT: Final = TimetableCache(1024)


class UncompilableError(Exception):
    """The configuration is valid to trigger-api and yet no schedule; the text tells its owner why."""


def is_worked_out(trigger: TriggerState) -> bool:
    """Tell whether a trigger's timetable is there within a moment: it is simple, or has been done before.

    With the policy ``shift`` it takes up to two seconds, also to be refused, and with excluded dates it can
    take some tenths.
    """
    if not isinstance(trigger.config, ScheduleConfig):
        return True
    times = _times_of(trigger.config)
    return times.is_simple or KEPT.has(times)


def timetable_of(config: ScheduleConfig) -> Timetable:
    """Return when a schedule fires. Raises ``UncompilableError``."""
    try:
        return KEPT.timetable(_times_of(config))
    except (CronError, TimetableError) as error:
        raise UncompilableError(str(error)) from error
    except UNKNOWN_ZONE as error:
        raise UncompilableError(f"unknown time zone {config.timezone[:64]!r}") from error


def _times_of(config: ScheduleConfig) -> TimetableKey:
    return TimetableKey(
        expressions=(config.cron_expression, *config.additional_expressions),
        zone=config.timezone,
        excluded_dates=config.excluded_dates,
        dst_policy=_POLICY[config.dst_policy],
    )
