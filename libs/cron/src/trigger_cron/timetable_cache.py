"""The timetables of schedules, kept: many schedules share one, and some take two seconds to compute."""

from collections import OrderedDict
from datetime import date
from threading import Lock
from typing import Final

from trigger_contracts.config import DstPolicy, ScheduleConfig
from trigger_cron.cron import CronError, TimetableError
from trigger_cron.parser import parse
from trigger_cron.timetable import Timetable, compile_timetable

_Key = tuple[tuple[str, ...], str, tuple[date, ...], DstPolicy]
"""What a timetable depends on: expressions, zone, excluded dates, policy."""


class TimetableCache:
    """Also keeps why there is no timetable. Unlike ``lru_cache`` it says what it has; threads share it."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._entries: OrderedDict[_Key, Timetable | CronError | TimetableError] = OrderedDict()
        self._lock = Lock()

    def has(self, config: ScheduleConfig) -> bool:
        """Tell whether the timetable of a schedule is kept."""
        with self._lock:
            return _key(config) in self._entries

    def timetable_of(self, config: ScheduleConfig) -> Timetable:
        """Return when a schedule fires.

        Raises what ``parse`` and ``compile_timetable`` do. An unknown zone is not kept: it may be known
        tomorrow.
        """
        key = _key(config)
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None:
                self._entries.move_to_end(key)
        if entry is None:
            entry = _computed(config)
            self._keep(key, entry)
        if isinstance(entry, Timetable):
            return entry
        # Another one each time: a traceback that grows would keep its frames alive.
        raise type(entry)(*entry.args)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._entries.clear()

    def _keep(self, key: _Key, entry: Timetable | CronError | TimetableError) -> None:
        with self._lock:
            self._entries[key] = entry
            while len(self._entries) > self._size:
                self._entries.popitem(last=False)


CACHE: Final = TimetableCache(512)
"""Of the process. A timetable of 500 calendars takes about 0.2 MB."""


def timetable_of(config: ScheduleConfig) -> Timetable:
    """Return when a schedule fires: see ``TimetableCache.timetable_of``."""
    return CACHE.timetable_of(config)


def is_cached(config: ScheduleConfig) -> bool:
    """Tell whether ``timetable_of`` takes some milliseconds at most: also where the schedule is simple.

    With the policy ``shift`` it takes up to two seconds, and with excluded dates some tenths. It takes as
    long to be refused.
    """
    is_simple = config.dst_policy is DstPolicy.LITERAL and not config.excluded_dates
    return is_simple or CACHE.has(config)


def _key(config: ScheduleConfig) -> _Key:
    expressions = (config.cron_expression, *config.additional_expressions)
    return expressions, config.timezone, config.excluded_dates, config.dst_policy


def _computed(config: ScheduleConfig) -> Timetable | CronError | TimetableError:
    expressions, zone, excluded_dates, dst_policy = _key(config)
    try:
        return compile_timetable(
            [parse(expression) for expression in expressions],
            zone=zone,
            excluded_dates=excluded_dates,
            dst_policy=dst_policy,
        )
    except (CronError, TimetableError) as error:
        return error.with_traceback(None)
