"""Classical five-field cron: parsed strictly, compiled to Temporal's calendars, and their fire times.

Pure: the same expression gives the same value wherever and whenever it is read.
Only fire times also depend on the edition of the time zone data.
"""

from trigger_cron.calendars import Calendar, Range, compile_calendars
from trigger_cron.caveat import busy_day, caveats
from trigger_cron.clock_caveat import Caveat, CaveatKind
from trigger_cron.cron import Cron, CronError, ExclusionError, TimetableError
from trigger_cron.parser import MAX_LENGTH, expanded, parse
from trigger_cron.temporal_search import fire_times
from trigger_cron.timetable import Timetable, compile_timetable
from trigger_cron.timetable_cache import TimetableCache, is_cached, timetable_of
from trigger_cron.zone_clock import UnknownZoneError

__all__ = [
    "MAX_LENGTH",
    "Calendar",
    "Caveat",
    "CaveatKind",
    "Cron",
    "CronError",
    "ExclusionError",
    "Range",
    "Timetable",
    "TimetableCache",
    "TimetableError",
    "UnknownZoneError",
    "busy_day",
    "caveats",
    "compile_calendars",
    "compile_timetable",
    "expanded",
    "fire_times",
    "is_cached",
    "parse",
    "timetable_of",
]
