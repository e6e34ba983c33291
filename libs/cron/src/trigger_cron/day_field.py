"""The two day fields: numbers and names, and the forms that only they know."""

import re
from dataclasses import dataclass
from typing import Final

from trigger_cron.cron import CronError
from trigger_cron.day_rules import DayRule, DayRuleKind
from trigger_cron.field import (
    DAY_OF_MONTH,
    DAY_OF_WEEK,
    DAYS_IN_WEEK,
    Field,
    is_whole,
    read_item,
    read_value,
    refusal,
    shown,
)

_WEEKS: Final = range(1, 6)
_NEAREST: Final = re.compile(r"([0-9]+)W", re.IGNORECASE)
_NTH: Final = re.compile(r"([^#/-]*)#(.*)", re.DOTALL)
_LAST_OF_WEEK: Final = re.compile(r"([0-9]+|[A-Z]{3})L", re.IGNORECASE)
_LAST_BEFORE: Final = re.compile(r"L-", re.IGNORECASE)
_WITH_W: Final = re.compile(r"[LW0-9/-]*W[LW0-9/-]*", re.IGNORECASE)
_WITH_L: Final = re.compile(r"([0-9-]+|[A-Z]{3}(-[A-Z]{3})?)?L([0-9/-]|$)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Days:
    """What a day field names: sorted numbers, and rules."""

    values: tuple[int, ...]
    rules: tuple[DayRule, ...]


def read_days(text: str, *, field: Field, position: int) -> Days:
    """Return what a day field names; ``position`` is where ``text`` starts in the expression."""
    values: set[int] = set()
    rules: set[DayRule] = set()
    if is_whole(text, field=field, position=position):
        text = "*"
    rule_of = _rule_of_month if field is DAY_OF_MONTH else _rule_of_week
    for item in text.split(","):
        if (rule := rule_of(item, position=position)) is not None:
            rules.add(rule)
        else:
            values |= read_item(item, field=field, position=position)
        position += len(item) + 1
    return Days(tuple(sorted(values)), tuple(sorted(rules)))


def _rule_of_month(item: str, *, position: int) -> DayRule | None:
    """Return the rule that an item is; ``None`` for an ordinary one."""
    match item.upper():
        case "L":
            return DayRule(DayRuleKind.LAST_DAY)
        case "LW":
            return DayRule(DayRuleKind.LAST_WORKDAY)
    if found := _NEAREST.fullmatch(item):
        day = read_value(found[1], field=DAY_OF_MONTH, position=position)
        return DayRule(DayRuleKind.NEAREST_WORKDAY, day=day)
    if "#" in item:
        raise _refused("'#' goes into the day of week, as in FRI#3", field=DAY_OF_MONTH, position=position)
    if _LAST_BEFORE.match(item):
        reason = f"{shown(item)} (days before the last) is not supported"
        raise _refused(reason, field=DAY_OF_MONTH, position=position)
    if _WITH_W.fullmatch(item):
        reason = "'W' (the nearest workday) follows one day, as in 15W, or L"
        raise _refused(reason, field=DAY_OF_MONTH, position=position)
    if _WITH_L.match(item):
        raise _refused("'L' (the last day) stands alone", field=DAY_OF_MONTH, position=position)
    return None


def _rule_of_week(item: str, *, position: int) -> DayRule | None:
    """Return the rule that an item is; ``None`` for an ordinary one."""
    if "#" in item:
        return _nth_weekday(item, position=position)
    if found := _LAST_OF_WEEK.fullmatch(item):
        weekday = read_value(found[1], field=DAY_OF_WEEK, position=position) % DAYS_IN_WEEK
        return DayRule(DayRuleKind.LAST_WEEKDAY, weekday=weekday)
    if _WITH_L.match(item):
        reason = "'L' (the last of the month) follows one day, as in FRIL"
        raise _refused(reason, field=DAY_OF_WEEK, position=position)
    if _WITH_W.fullmatch(item):
        reason = "'W' (the nearest workday) goes into the day of month, as in 15W"
        raise _refused(reason, field=DAY_OF_WEEK, position=position)
    return None


def _nth_weekday(item: str, *, position: int) -> DayRule:
    found = _NTH.fullmatch(item)
    if found is None:
        raise _refused("'#' follows one day, as in FRI#3", field=DAY_OF_WEEK, position=position)
    name, nth = found.groups()
    weekday = read_value(name, field=DAY_OF_WEEK, position=position) % DAYS_IN_WEEK
    position += len(name) + 1
    if not nth:
        raise _refused("the number after '#' is missing", field=DAY_OF_WEEK, position=position)
    if not nth.isdecimal():
        raise _refused(f"{shown(nth)} is not a number", field=DAY_OF_WEEK, position=position)
    if int(nth) not in _WEEKS:
        reason = f"a month has no weekday number {shown(nth)}; it is within 1-5"
        raise _refused(reason, field=DAY_OF_WEEK, position=position)
    return DayRule(DayRuleKind.NTH_WEEKDAY, weekday=weekday, nth=int(nth))


def _refused(reason: str, *, field: Field, position: int) -> CronError:
    return refusal(reason, field=field, position=position)
