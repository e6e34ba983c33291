"""Classical five-field cron: read strictly, compiled to what Temporal's schedules take.

Pure and without dependencies: the same expression gives the same value wherever and whenever it is read.
"""

from trigger_cron.calendars import Calendar, Range, compile_calendars
from trigger_cron.cron import Cron, CronError
from trigger_cron.parser import MAX_LENGTH, parse

__all__ = ["MAX_LENGTH", "Calendar", "Cron", "CronError", "Range", "compile_calendars", "parse"]
