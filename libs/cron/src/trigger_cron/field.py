"""One of the five fields: lists of values, ranges and steps."""

import re
from dataclasses import dataclass
from typing import Final

from trigger_cron.cron import CronError

DAYS_IN_WEEK: Final = 7
_SHOWN: Final = 40
"""Characters of the user's text that a reason repeats."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """What may stand in a field: ``low`` to ``highest``; ``*`` and ``a/n`` run to ``high``."""

    title: str
    low: int
    high: int
    highest: int
    names: tuple[str, ...] = ()
    """Of the values from ``low`` on."""


MINUTE: Final = Field(title="minute", low=0, high=59, highest=59)
HOUR: Final = Field(title="hour", low=0, high=23, highest=23)
DAY_OF_MONTH: Final = Field(title="day of month", low=1, high=31, highest=31)
_MONTHS: Final = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
MONTH: Final = Field(title="month", low=1, high=12, highest=12, names=_MONTHS)
_WEEKDAYS: Final = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
DAY_OF_WEEK: Final = Field(title="day of week", low=0, high=6, highest=7, names=_WEEKDAYS)

_UNSUPPORTED: Final = (
    (re.compile(r"H($|[(/-])", re.IGNORECASE), "'H' (a value by hash) is not supported; write the value"),
    (re.compile(r"R($|[(/-])", re.IGNORECASE), "'R' (a random value) is not supported; write the value"),
    (re.compile(r"(L|[0-9]+)?W([0-9]|$)", re.IGNORECASE), "'W' may stand in the day of month only"),
    (re.compile(r"[0-9]*L([0-9-]|$)", re.IGNORECASE), "'L' may stand in a day field only"),
    (re.compile(r".*#", re.DOTALL), "'#' may stand in the day of week only"),
)


def is_restricted(text: str) -> bool:
    """Return whether a day field restricts the days; one that starts with ``*`` does not (Vixie's rule)."""
    return not text.startswith(("*", "?"))


def read_field(text: str, *, field: Field, position: int) -> tuple[int, ...]:
    """Return the field's values, sorted; ``position`` is where ``text`` starts in the expression."""
    values: set[int] = set()
    is_whole(text, field=field, position=position)
    for item in text.split(","):
        values |= read_item(item, field=field, position=position)
        position += len(item) + 1
    return tuple(sorted(values))


def is_whole(text: str, *, field: Field, position: int) -> bool:
    """Tell whether a field is ``?``, which is ``*`` in a day field; anywhere else ``?`` is refused."""
    if "?" not in text:
        return False
    at = position + text.index("?")
    if field not in (DAY_OF_MONTH, DAY_OF_WEEK):
        raise refusal("'?' may stand in a day field only", field=field, position=at)
    if text != "?":
        raise refusal("'?' must stand alone", field=field, position=at)
    return True


def read_item(item: str, *, field: Field, position: int) -> set[int]:
    """Return the values of one item of a list."""
    if not item:
        raise refusal("an item of the list is empty", field=field, position=position)
    for pattern, reason in _UNSUPPORTED:
        if pattern.match(item):
            raise refusal(reason, field=field, position=position)
    span, slash, step_text = item.partition("/")
    first, dash, last = span.partition("-")
    if span == "*":
        low, high = field.low, field.high
    else:
        low = high = read_value(first, field=field, position=position)
        if dash:
            high = read_value(last, field=field, position=position + len(first) + 1)
        elif slash:
            high = field.high
    step = _read_step(step_text, field=field, position=position + len(span) + 1) if slash else 1
    if field is DAY_OF_WEEK:
        return _weekdays(low, high=high, step=step)
    if low > high:
        raise refusal(
            f"the range {shown(span)} runs backwards; write it as two", field=field, position=position
        )
    return set(range(low, high + 1, step))


def _weekdays(low: int, *, high: int, step: int) -> set[int]:
    """Return the days from ``low`` forward to ``high``, over the end of the week if need be.

    7 is Sunday at either end: ``5-7`` and ``FRI-SUN`` are the same, and so are ``7-2`` and ``SUN-TUE``.
    """
    if low == DAYS_IN_WEEK:
        low, high = 0, high % DAYS_IN_WEEK
    if high < low:
        high += DAYS_IN_WEEK
    return {day % DAYS_IN_WEEK for day in range(low, high + 1, step)}


def read_value(text: str, *, field: Field, position: int) -> int:
    """Return the number that a number or a name stands for; Sunday may be 7."""
    if not text:
        raise refusal("a value is missing", field=field, position=position)
    if (name := text.upper()) in field.names:
        return field.low + field.names.index(name)
    if not text.isdecimal():
        wanted = f"a number or a name such as {field.names[0]}" if field.names else "a number"
        raise refusal(f"{shown(text)} is not {wanted}", field=field, position=position)
    value = int(text)
    if not field.low <= value <= field.highest:
        raise refusal(
            f"{shown(text)} is not within {field.low}-{field.highest}", field=field, position=position
        )
    return value


def _read_step(text: str, *, field: Field, position: int) -> int:
    if not text:
        raise refusal("the step after '/' is missing", field=field, position=position)
    if not text.isdecimal():
        raise refusal(f"the step {shown(text)} is not a number", field=field, position=position)
    if (step := int(text)) == 0:
        raise refusal("the step must be at least 1", field=field, position=position)
    return step


def shown(text: str) -> str:
    """Return the user's text as a reason repeats it."""
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…")


def refusal(reason: str, *, field: Field, position: int) -> CronError:
    """Return the error that names the field."""
    return CronError(f"{field.title}: {reason}", position)
