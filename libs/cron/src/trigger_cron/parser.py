"""Reading an expression: every item is understood, or refused with the place and the reason.

Accepted are the five fields of classical (Vixie) cron, its nicknames, and of Quartz's forms those for days:
``L``, ``LW``, ``15W``, ``FRI#3``, ``FRIL``. Whatever else cron implementations disagree about (seconds,
years, hashes, random values) is refused by name.
"""

import re
from typing import Final

from trigger_cron.cron import QUIET_YEARS, Cron, CronError
from trigger_cron.fields import (
    DAY_OF_MONTH,
    DAY_OF_WEEK,
    HOUR,
    MINUTE,
    MONTH,
    read_field,
)

MAX_LENGTH: Final = 500
"""Characters of an expression."""

_NICKNAMES: Final = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_REFUSED_NICKNAMES: Final = {
    "@every": "@every is not supported: it counts from a start that cron does not know",
    "@reboot": "@reboot is not supported: a trigger has no machine that boots",
}
_FIELDS: Final = 5
_WORD: Final = re.compile(r"[^ \t]+")
_ZONE: Final = re.compile(r"(CRON_)?TZ=", re.IGNORECASE)
_OTHER_SPACE: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def parse(expression: str) -> Cron:
    """Return what the expression means; ``CronError`` says what about it is not accepted, and where.

    Fields stand apart by spaces or tabs. Names and nicknames are read in either case. A ``step`` past the
    end of its range leaves the range's first value, as in cron.
    """
    if len(expression) > MAX_LENGTH:
        raise CronError(f"the expression is longer than {MAX_LENGTH} characters", MAX_LENGTH)
    _refuse_characters(expression)
    words = [(match.group(), match.start()) for match in _WORD.finditer(expression)]
    if not words:
        raise CronError("the expression is empty", 0)
    _refuse_dialects(words)
    first, start = words[0]
    if first.startswith("@"):
        if len(words) > 1 and first.lower() not in _REFUSED_NICKNAMES:
            raise CronError(f"nothing may follow {first!r}", words[1][1])
        words = [(match.group(), start) for match in _WORD.finditer(_expand(first, position=start))]
    _refuse_field_count(words, end=len(expression.rstrip(" \t")))
    return _read(words)


def expanded(expression: str) -> str:
    """Return a valid expression in five fields and capitals: a nickname as what it stands for."""
    words = expression.split()
    return _expand(words[0], position=0) if words[0].startswith("@") else " ".join(words).upper()


def _read(words: list[tuple[str, int]]) -> Cron:
    minute, hour, day_of_month, month, day_of_week = words
    # The day fields first: of several errors, theirs is shown.
    of_month = read_field(day_of_month[0], field=DAY_OF_MONTH, position=day_of_month[1])
    of_week = read_field(day_of_week[0], field=DAY_OF_WEEK, position=day_of_week[1])
    cron = Cron(
        minutes=read_field(minute[0], field=MINUTE, position=minute[1]).values,
        hours=read_field(hour[0], field=HOUR, position=hour[1]).values,
        days_of_month=of_month.values,
        months=read_field(month[0], field=MONTH, position=month[1]).values,
        days_of_week=of_week.values,
        day_of_month_restricted=of_month.is_restricted,
        day_of_week_restricted=of_week.is_restricted,
        rules_of_month=of_month.rules,
        rules_of_week=of_week.rules,
    )
    if not cron.has_dates:
        raise CronError("the expression never fires: no such day in any of its months", day_of_month[1])
    if not cron.fires_often_enough:
        reason = (
            f"the expression does not fire in {QUIET_YEARS} years: such a day is too rarely such a weekday"
        )
        raise CronError(reason, day_of_month[1])
    return cron


def _refuse_characters(expression: str) -> None:
    for position, character in enumerate(expression):
        if not character.isascii():
            raise CronError(f"{character!a} is not an ASCII character", position)
    if other := _OTHER_SPACE.search(expression):
        raise CronError(f"{other.group()!r} may not stand in an expression", other.start())


def _refuse_dialects(words: list[tuple[str, int]]) -> None:
    first, start = words[0]
    if _ZONE.match(first):
        raise CronError("the time zone is a setting beside the expression, not a part of it", start)
    for word, position in words:
        if word.startswith("#"):
            raise CronError("comments ('#') are not supported", position)


def _expand(nickname: str, *, position: int) -> str:
    name = nickname.lower()
    if fields := _NICKNAMES.get(name):
        return fields
    raise CronError(
        _REFUSED_NICKNAMES.get(name, f"{nickname[:40]!r} is unknown; known are {', '.join(_NICKNAMES)}"),
        position,
    )


def _refuse_field_count(words: list[tuple[str, int]], *, end: int) -> None:
    if len(words) < _FIELDS:
        raise CronError(
            f"five fields are needed (minute, hour, day of month, month, day of week), here are {len(words)}",
            end,
        )
    if len(words) > _FIELDS:
        raise CronError(
            f"five fields are needed, here are {len(words)}: seconds and years are not supported",
            words[_FIELDS][1],
        )
