"""Classical five-field cron: read strictly, compiled to what Temporal's schedules take, and foretold.

Pure and on the standard library: the same expression gives the same value wherever and whenever it is read.
Only fire times also depend on the edition of the time zone data.
"""

from trigger_cron.calendars import Calendar, Range, compile_calendars
from trigger_cron.caveat import Caveat, CaveatKind, busy_day, caveats
from trigger_cron.cron import Cron, CronError, ExclusionError, TimetableError
from trigger_cron.parser import MAX_LENGTH, expanded, parse
from trigger_cron.temporal_search import fire_times
from trigger_cron.timetable import DstPolicy, Timetable, compile_timetable
from trigger_cron.timetable_cache import TimetableCache, TimetableKey

__all__ = [
    "MAX_LENGTH",
    "Calendar",
    "Caveat",
    "CaveatKind",
    "Cron",
    "CronError",
    "DstPolicy",
    "ExclusionError",
    "Range",
    "Timetable",
    "TimetableCache",
    "TimetableError",
    "TimetableKey",
    "busy_day",
    "caveats",
    "compile_calendars",
    "compile_timetable",
    "expanded",
    "fire_times",
    "parse",
]
