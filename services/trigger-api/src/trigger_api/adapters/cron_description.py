"""Cron expressions described in a sentence."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

import structlog
from cron_descriptor import (
    CasingTypeEnum,
    ExpressionDescriptor,
    FormatError,
    MissingFieldError,
    Options,
    WrongArgumentError,
)

from trigger_cron import Cron, expanded, parse

log = structlog.stdlib.get_logger(__name__)

# What the library puts into words that mean something else, or fails at: a rule for days, or a star, in a
# list with others; a step in a range of weekdays; and a step that is as long as its field.
_MIXED: Final = re.compile(r"[0-9A-Z]*(?:#[0-9]|L|W)[0-9A-Z]*,|,[0-9A-Z]*(?:#[0-9]|L|W)", re.ASCII)
_RULE: Final = re.compile(r"#|L|W", re.ASCII)
_WEEKDAY_STEP: Final = re.compile(r"-[0-9A-Z]+/", re.ASCII)
_STEP: Final = re.compile(r"/([0-9]+)", re.ASCII)
_LONGEST_STEPS: Final = (59, 23, 30, 11, 6)
_INTERVAL: Final = re.compile(r"\*/([0-9]+)", re.ASCII)
_LENGTHS: Final = (60, 24, None, 12, None)
"""Of fields that always begin again after as many values: a step that divides it is an interval. Months
differ, and no step divides the week."""


def describe(expressions: Sequence[str], *, timezone: str) -> str:
    """Return a sentence for valid expressions."""
    return f"{'; '.join(_words(expression) for expression in expressions)}, {timezone}"


def _words(expression: str) -> str:
    fields = expanded(expression)
    if _is_misread(fields.split()):
        return fields
    evened = " ".join(_without_uneven_steps(fields.split(), cron=parse(expression)))
    options = Options()
    options.casing_type = CasingTypeEnum.Sentence
    options.use_24hour_time_format = True
    options.verbose = True
    try:
        return str(ExpressionDescriptor(evened, options).get_full_description())
    except (FormatError, MissingFieldError, WrongArgumentError) as error:
        # The expression is right all the same; whoever typed it can read it.
        log.info("expression not put into words", expression=expression, reason=str(error))
        return fields


def _without_uneven_steps(fields: Sequence[str], *, cron: Cron) -> Iterator[str]:
    """Write out the steps that fire at no interval, though the library says so: ``*/7`` fires at 56 and at 0.

    And Sunday, which ``0,7`` names twice.
    """
    values = (cron.minutes, cron.hours, cron.days_of_month, cron.months, cron.days_of_week)
    for field, length, named in zip(fields, _LENGTHS, values, strict=True):
        interval = _INTERVAL.fullmatch(field)
        is_even = interval is not None and length is not None and length % int(interval[1]) == 0
        is_list = length is None and "," in field and not _RULE.search(field)
        yield ",".join(map(str, named)) if ("/" in field and not is_even) or is_list else field


def _is_misread(fields: Sequence[str]) -> bool:
    day, weekday = fields[2], fields[4]
    if any("," in field and "*" in field.split(",") for field in fields):
        return True
    if any(
        int(step) > most
        for field, most in zip(fields, _LONGEST_STEPS, strict=True)
        for step in _STEP.findall(field)
    ):
        return True
    if _MIXED.search(day) or _MIXED.search(weekday) or _WEEKDAY_STEP.search(weekday):
        return True
    both = not {day, weekday} & {"*", "?"}
    return both and ("*" in day + weekday or _RULE.search(day + weekday) is not None)
