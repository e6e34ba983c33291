"""The five fields: lists of values, ranges and steps, and the forms that only the day fields know."""

import re
from dataclasses import dataclass
from typing import Final

from trigger_cron.cron import CronError
from trigger_cron.day_rules import DayRule, DayRuleKind

_DAYS_IN_WEEK: Final = 7
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

_WEEKS: Final = range(1, 6)
_NEAREST: Final = re.compile(r"([0-9]+)W", re.IGNORECASE)
_NTH: Final = re.compile(r"([^#/-]*)#(.*)", re.DOTALL)
_LAST_OF_WEEK: Final = re.compile(r"([0-9]+|[A-Z]{3})L", re.IGNORECASE)
_LAST_BEFORE: Final = re.compile(r"L-", re.IGNORECASE)
_WITH_W: Final = re.compile(r"[LW0-9/-]*W[LW0-9/-]*", re.IGNORECASE)
_WITH_L: Final = re.compile(r"([0-9-]+|[A-Z]{3}(-[A-Z]{3})?)?L([0-9/-]|$)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldValues:
    """What a field names: sorted numbers, and in a day field rules."""

    values: tuple[int, ...]
    rules: tuple[DayRule, ...]
    is_restricted: bool
    """It does not start with ``*`` (Vixie's rule for the day fields)."""


def read_field(text: str, *, field: Field, position: int) -> FieldValues:
    """Return what a field names; ``position`` is where ``text`` starts in the expression."""
    values: set[int] = set()
    rules: set[DayRule] = set()
    items = "*" if _is_whole(text, field=field, position=position) else text
    for item in items.split(","):
        if (rule := _rule_of(item, field=field, position=position)) is not None:
            rules.add(rule)
        else:
            values |= _read_item(item, field=field, position=position)
        position += len(item) + 1
    return FieldValues(
        values=tuple(sorted(values)),
        rules=tuple(sorted(rules)),
        is_restricted=not items.startswith("*"),
    )


def _rule_of(item: str, *, field: Field, position: int) -> DayRule | None:
    """Return an item's rule; ``None`` for an ordinary item."""
    if field is DAY_OF_MONTH:
        return _rule_of_month(item, position=position)
    return _rule_of_week(item, position=position) if field is DAY_OF_WEEK else None


def _rule_of_month(item: str, *, position: int) -> DayRule | None:
    match item.upper():
        case "L":
            return DayRule(DayRuleKind.LAST_DAY)
        case "LW":
            return DayRule(DayRuleKind.LAST_WORKDAY)
    if match := _NEAREST.fullmatch(item):
        day = _read_value(match[1], field=DAY_OF_MONTH, position=position)
        return DayRule(DayRuleKind.NEAREST_WORKDAY, day=day)
    if "#" in item:
        raise _refusal("'#' goes into the day of week, as in FRI#3", field=DAY_OF_MONTH, position=position)
    if _LAST_BEFORE.match(item):
        reason = f"{_shown(item)} (days before the last) is not supported"
        raise _refusal(reason, field=DAY_OF_MONTH, position=position)
    if _WITH_W.fullmatch(item):
        reason = "'W' (the nearest workday) follows one day, as in 15W, or L"
        raise _refusal(reason, field=DAY_OF_MONTH, position=position)
    if _WITH_L.match(item):
        raise _refusal("'L' (the last day) stands alone", field=DAY_OF_MONTH, position=position)
    return None


def _rule_of_week(item: str, *, position: int) -> DayRule | None:
    if "#" in item:
        return _nth_weekday(item, position=position)
    if match := _LAST_OF_WEEK.fullmatch(item):
        weekday = _read_value(match[1], field=DAY_OF_WEEK, position=position) % _DAYS_IN_WEEK
        return DayRule(DayRuleKind.LAST_WEEKDAY, weekday=weekday)
    if _WITH_L.match(item):
        reason = "'L' (the last of the month) follows one day, as in FRIL"
        raise _refusal(reason, field=DAY_OF_WEEK, position=position)
    if _WITH_W.fullmatch(item):
        reason = "'W' (the nearest workday) goes into the day of month, as in 15W"
        raise _refusal(reason, field=DAY_OF_WEEK, position=position)
    return None


def _nth_weekday(item: str, *, position: int) -> DayRule:
    match = _NTH.fullmatch(item)
    if match is None:
        raise _refusal("'#' follows one day, as in FRI#3", field=DAY_OF_WEEK, position=position)
    name, nth = match.groups()
    weekday = _read_value(name, field=DAY_OF_WEEK, position=position) % _DAYS_IN_WEEK
    position += len(name) + 1
    if not nth:
        raise _refusal("the number after '#' is missing", field=DAY_OF_WEEK, position=position)
    if not nth.isdecimal():
        raise _refusal(f"{_shown(nth)} is not a number", field=DAY_OF_WEEK, position=position)
    if int(nth) not in _WEEKS:
        reason = f"a month has no weekday number {_shown(nth)}; it is within 1-5"
        raise _refusal(reason, field=DAY_OF_WEEK, position=position)
    return DayRule(DayRuleKind.NTH_WEEKDAY, weekday=weekday, nth=int(nth))


def _is_whole(text: str, *, field: Field, position: int) -> bool:
    """Tell whether a field is ``?``, which is ``*`` in a day field; anywhere else ``?`` is refused."""
    if "?" not in text:
        return False
    at = position + text.index("?")
    if field not in (DAY_OF_MONTH, DAY_OF_WEEK):
        raise _refusal("'?' may stand in a day field only", field=field, position=at)
    if text != "?":
        raise _refusal("'?' must stand alone", field=field, position=at)
    return True


def _read_item(item: str, *, field: Field, position: int) -> set[int]:
    """Return the values of one item of a list."""
    if not item:
        raise _refusal("an item of the list is empty", field=field, position=position)
    for pattern, reason in _UNSUPPORTED:
        if pattern.match(item):
            raise _refusal(reason, field=field, position=position)
    span, slash, step_text = item.partition("/")
    first, dash, last = span.partition("-")
    if span == "*":
        low, high = field.low, field.high
    else:
        low = high = _read_value(first, field=field, position=position)
        if dash:
            high = _read_value(last, field=field, position=position + len(first) + 1)
        elif slash:
            high = field.high
    step = _read_step(step_text, field=field, position=position + len(span) + 1) if slash else 1
    if field is DAY_OF_WEEK:
        return _weekdays(low, high=high, step=step)
    if low > high:
        raise _refusal(
            f"the range {_shown(span)} runs backwards; write it as two", field=field, position=position
        )
    return set(range(low, high + 1, step))


def _weekdays(low: int, *, high: int, step: int) -> set[int]:
    """Return the days from ``low`` forward to ``high``, over the end of the week if need be.

    7 is Sunday at either end: ``5-7`` and ``FRI-SUN`` are the same, and so are ``7-2`` and ``SUN-TUE``.
    """
    if low == _DAYS_IN_WEEK:
        low, high = 0, high % _DAYS_IN_WEEK
    if high < low:
        high += _DAYS_IN_WEEK
    return {day % _DAYS_IN_WEEK for day in range(low, high + 1, step)}


def _read_value(text: str, *, field: Field, position: int) -> int:
    """Return the number that a number or a name stands for; Sunday may be 7."""
    if not text:
        raise _refusal("a value is missing", field=field, position=position)
    if (name := text.upper()) in field.names:
        return field.low + field.names.index(name)
    if not text.isdecimal():
        expected = f"a number or a name such as {field.names[0]}" if field.names else "a number"
        raise _refusal(f"{_shown(text)} is not {expected}", field=field, position=position)
    value = int(text)
    if not field.low <= value <= field.highest:
        raise _refusal(
            f"{_shown(text)} is not within {field.low}-{field.highest}", field=field, position=position
        )
    return value


def _read_step(text: str, *, field: Field, position: int) -> int:
    if not text:
        raise _refusal("the step after '/' is missing", field=field, position=position)
    if not text.isdecimal():
        raise _refusal(f"the step {_shown(text)} is not a number", field=field, position=position)
    if (step := int(text)) == 0:
        raise _refusal("the step must be at least 1", field=field, position=position)
    return step


def _shown(text: str) -> str:
    """Return the user's text as a reason repeats it."""
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…")


def _refusal(reason: str, *, field: Field, position: int) -> CronError:
    """Return the error that names the field."""
    return CronError(f"{field.title}: {reason}", position)
