"""When schedules fire, worked out once for many triggers."""

from collections import OrderedDict
from datetime import date
from threading import Lock
from typing import Final, NamedTuple
from zoneinfo import ZoneInfoNotFoundError

from trigger_contracts.config import DstPolicy, ScheduleConfig, TriggerState
from trigger_cron import CronError, Timetable, TimetableError, compile_timetable, parse
from trigger_cron import DstPolicy as CompiledPolicy

_POLICY: Final = {
    DstPolicy.LITERAL: CompiledPolicy.LITERAL,
    DstPolicy.SHIFT: CompiledPolicy.SHIFT,
}

UNKNOWN_ZONE: Final = (ZoneInfoNotFoundError, ValueError, IsADirectoryError, NotADirectoryError)
"""What ``zoneinfo`` raises for a name that is none, or that of a folder of zones (``Europe``)."""


class UncompilableError(Exception):
    """The configuration is valid to trigger-api and yet no schedule; the text tells its owner why."""


def is_worked_out(trigger: TriggerState) -> bool:
    """Tell whether a trigger's timetable is there within a moment: it is simple, or has been done before.

    With the policy ``shift`` it takes up to two seconds, also to be refused, and with excluded dates it can
    take some tenths.
    """
    config = trigger.config
    if not isinstance(config, ScheduleConfig):
        return True
    is_simple = config.dst_policy is DstPolicy.LITERAL and not config.excluded_dates
    return is_simple or _times_of(config) in WORKED_OUT


def timetable_of(config: ScheduleConfig) -> Timetable:
    """Return when a schedule fires. Raises ``UncompilableError``."""
    times = _times_of(config)
    if (found := WORKED_OUT.get(times)) is None:
        found = _compiled(times)
        WORKED_OUT.keep(times, found)
    if isinstance(found, str):
        raise UncompilableError(found)
    return found


class _Times(NamedTuple):
    """What a timetable depends on; many triggers have the same."""

    expressions: tuple[str, ...]
    timezone: str
    excluded_dates: tuple[date, ...]
    dst_policy: DstPolicy


class _WorkedOut:
    """Timetables, or why there is none. Unlike ``lru_cache`` it says what it has; threads share it."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[_Times, Timetable | str] = OrderedDict()
        self._lock = Lock()

    def __contains__(self, times: _Times) -> bool:
        with self._lock:
            return times in self._kept

    def get(self, times: _Times) -> Timetable | str | None:
        with self._lock:
            if times in self._kept:
                self._kept.move_to_end(times)
            return self._kept.get(times)

    def keep(self, times: _Times, found: Timetable | str) -> None:
        """Keep it, and forget what has not been asked for the longest."""
        with self._lock:
            self._kept[times] = found
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)

    def clear(self) -> None:
        with self._lock:
            self._kept.clear()


WORKED_OUT: Final = _WorkedOut(1024)


def _times_of(config: ScheduleConfig) -> _Times:
    return _Times(
        expressions=(config.cron_expression, *config.additional_expressions),
        timezone=config.timezone,
        excluded_dates=config.excluded_dates,
        dst_policy=config.dst_policy,
    )


def _compiled(times: _Times) -> Timetable | str:
    try:
        return compile_timetable(
            [parse(expression) for expression in times.expressions],
            zone=times.timezone,
            excluded_dates=times.excluded_dates,
            dst_policy=_POLICY[times.dst_policy],
        )
    except (CronError, TimetableError) as error:
        return str(error)
    except UNKNOWN_ZONE:
        return f"unknown time zone {times.timezone[:64]!r}"
