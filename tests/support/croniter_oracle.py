"""What croniter says of an expression: a second opinion, where it takes the expression as cron does."""

import re
from collections.abc import Iterator
from datetime import datetime

from croniter import croniter


def classical_times(expression: str, *, after: datetime) -> Iterator[datetime]:
    """Yield the times after ``after``, in its zone.

    ``implement_cron_bug`` is croniter's name for the classical rule that a day field which starts with ``*``
    is not restricted. Without the other option it gives up on a leap day of a certain weekday.
    """
    return croniter(
        expression, after, ret_type=datetime, implement_cron_bug=True, max_years_between_matches=60
    )


def as_croniter_has_it(expression: str) -> str | None:
    """Return an expression with rules for days as croniter writes it; ``None`` where it has no such thing.

    It writes ``5L`` as ``L5``, has no ``LW``, and takes most rules in one field only, beside nothing else in
    it. A month without the 29th, 30th or 31st has its ``31W`` on the last weekday for croniter, and none for
    us and Quartz.
    """
    minute, hour, day, month, weekday = expression.split()
    if "W" in day and not (re.fullmatch(r"1?\dW|2[0-8]W", day) and weekday == "*"):
        return None
    if "L" in day and weekday != "*" and not re.fullmatch(r"[0-7,-]+", weekday):
        return None
    if re.search("[L#]", weekday) and not (day == "*" and re.fullmatch(r"\dL|\d#\d(,\d#\d)*", weekday)):
        return None
    return " ".join((minute, hour, day, month, re.sub(r"^(\d)L$", r"L\1", weekday)))
