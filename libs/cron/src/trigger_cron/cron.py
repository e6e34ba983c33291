"""What a cron expression means."""

from dataclasses import dataclass
from typing import Final

_LAST_DAY: Final = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
"""Of each month, in a leap year."""


class CronError(ValueError):
    """An expression that is not accepted.

    ``reason`` is written for the person who typed the expression; ``position`` is the 0-based offset of
    the character (for something that is missing: of the place) that it is about.
    """

    def __init__(self, reason: str, position: int) -> None:
        super().__init__(reason, position)
        self.reason = reason
        self.position = position

    def __str__(self) -> str:
        return f"{self.reason} (at position {self.position})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cron:
    """The wall-clock minutes that an expression names; each field is sorted and never empty.

    Expressions that mean the same, such as ``@daily`` and ``0 0 * * *``, are equal.
    """

    minutes: tuple[int, ...]
    """0-59"""
    hours: tuple[int, ...]
    """0-23"""
    days_of_month: tuple[int, ...]
    """1-31"""
    months: tuple[int, ...]
    """1-12"""
    days_of_week: tuple[int, ...]
    """0-6, 0 is Sunday"""
    day_of_month_restricted: bool
    day_of_week_restricted: bool

    @property
    def either_day(self) -> bool:
        """Whether a day matches when *one* of the two day fields does, instead of both.

        So it is when both are restricted. A field is unrestricted when it starts with ``*`` (or is ``?``),
        hence ``0 0 */2 * MON`` means the Mondays that are odd days: the rule of Vixie cron, as Debian's
        crontab(5) writes it ("if both fields are restricted (i.e., don't start with *)").
        """
        return self.day_of_month_restricted and self.day_of_week_restricted

    @property
    def has_dates(self) -> bool:
        """Whether any date of the Gregorian calendar matches.

        Asked of the calendar and not of the clock, so that an expression that was accepted once stays so.
        Each date, 29 February included, comes round on every weekday.
        """
        return self.either_day or any(
            day <= _LAST_DAY[month - 1] for month in self.months for day in self.days_of_month
        )
