"""Classical five-field cron: read strictly, compiled to what Temporal's schedules take, and foretold.

Pure and on the standard library: the same expression gives the same value wherever and whenever it is read.
Only fire times also depend on the edition of the time zone data.
"""

from trigger_cron.calendars import Calendar, Range, compile_calendars
from trigger_cron.caveat import Caveat, CaveatKind, caveats, most_fires_a_day
from trigger_cron.cron import Cron, CronError
from trigger_cron.fires import fire_times
from trigger_cron.parser import MAX_LENGTH, expanded, parse

__all__ = [
    "MAX_LENGTH",
    "Calendar",
    "Caveat",
    "CaveatKind",
    "Cron",
    "CronError",
    "Range",
    "caveats",
    "compile_calendars",
    "expanded",
    "fire_times",
    "most_fires_a_day",
    "parse",
]
