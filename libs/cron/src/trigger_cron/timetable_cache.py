"""Timetables that have been worked out, kept: many schedules have the same, and some take two seconds."""

from collections import OrderedDict
from datetime import date
from threading import Lock
from typing import NamedTuple

from trigger_cron.cron import CronError, TimetableError
from trigger_cron.parser import parse
from trigger_cron.timetable import DstPolicy, Timetable, compile_timetable


class TimetableKey(NamedTuple):
    """What a timetable depends on."""

    expressions: tuple[str, ...]
    zone: str
    excluded_dates: tuple[date, ...]
    dst_policy: DstPolicy

    @property
    def is_simple(self) -> bool:
        """Tell whether it takes some milliseconds at most: excluded dates are to be looked at, too."""
        return self.dst_policy is DstPolicy.LITERAL and not self.excluded_dates


class TimetableCache:
    """Also keeps why there is no timetable. Unlike ``lru_cache`` it says what it has; threads share it."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[TimetableKey, Timetable | CronError | TimetableError] = OrderedDict()
        self._lock = Lock()

    def has(self, times: TimetableKey) -> bool:
        """Tell whether ``timetable`` is done at once."""
        with self._lock:
            return times in self._kept

    def timetable(self, times: TimetableKey) -> Timetable:
        """Return a timetable.

        Raises what ``parse`` and ``compile_timetable`` do; what is wrong with the zone is not kept.
        """
        with self._lock:
            found = self._kept.get(times)
            if found is not None:
                self._kept.move_to_end(times)
        if found is None:
            found = _worked_out(times)
            self._keep(times, found)
        if isinstance(found, Timetable):
            return found
        # Another one each time: a traceback that grows would keep its frames alive.
        raise type(found)(*found.args)

    def forget(self) -> None:
        """Forget everything."""
        with self._lock:
            self._kept.clear()

    def _keep(self, times: TimetableKey, found: Timetable | CronError | TimetableError) -> None:
        with self._lock:
            self._kept[times] = found
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)


def _worked_out(times: TimetableKey) -> Timetable | CronError | TimetableError:
    try:
        return compile_timetable(
            [parse(expression) for expression in times.expressions],
            zone=times.zone,
            excluded_dates=times.excluded_dates,
            dst_policy=times.dst_policy,
        )
    except (CronError, TimetableError) as error:
        return error.with_traceback(None)
