"""Against croniter: the compiled calendars, evaluated literally, give the same times in UTC.

The generator leaves out where croniter 7 leaves classical cron: ``a-a`` (the whole field for
croniter), a step on a range over the end of the week (it loses count), and a ``*`` later in a list.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest
from croniter import croniter
from croniter_oracle import classical_times
from hypothesis import given, settings
from hypothesis import strategies as st

from trigger_cron import Calendar, CronError, Range, compile_calendars, parse

MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
WEEKDAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]


def times(calendars: tuple[Calendar, ...], *, after: datetime) -> Iterator[datetime]:
    """Yield the instants after ``after`` that any calendar matches, each once."""
    day = after.replace(hour=0, minute=0)
    while True:
        clocks = {
            (hour, minute, second)
            for calendar in calendars
            if calendar.has_date(day.date())
            for hour in values(calendar.hour)
            for minute in values(calendar.minute)
            for second in values(calendar.second)
        }
        for hour, minute, second in sorted(clocks):
            if (moment := day.replace(hour=hour, minute=minute, second=second)) > after:
                yield moment
        day += timedelta(days=1)


def values(ranges: tuple[Range, ...]) -> set[int]:
    return {value for r in ranges for value in range(r.start, r.end + 1, r.step)}


def items(low: int, high: int, *, names: list[str]) -> st.SearchStrategy[str]:
    def written(value: int) -> st.SearchStrategy[str]:
        forms = [str(value), f"{value:02}"]
        if value - low < len(names):
            name = names[value - low]
            forms += [name, name.lower()]
        return st.sampled_from(forms)

    one = st.integers(low, high)
    value = one.flatmap(written)
    pairs = st.tuples(one, one).map(sorted).filter(lambda pair: pair[0] != pair[1])
    span = pairs.flatmap(lambda pair: st.tuples(written(pair[0]), written(pair[1])).map("-".join))
    step = st.integers(1, high + 3).map(lambda n: f"/{n}")
    return st.one_of(value, span, st.tuples(st.one_of(value, span), step).map("".join))


def field(item: st.SearchStrategy[str], *, top: int) -> st.SearchStrategy[str]:
    star = st.one_of(st.just("*"), st.integers(1, top).map(lambda n: f"*/{n}"))
    return st.one_of(star, st.lists(item, min_size=1, max_size=3).map(",".join))


BACKWARDS = st.sampled_from(["FRI-MON", "5-1", "sat-sun", "6-3", "WED-TUE"])
MINUTES = field(items(0, 59, names=[]), top=62)
HOURS = field(items(0, 23, names=[]), top=25)
DAYS = st.one_of(st.just("?"), field(items(1, 31, names=[]), top=33))
MONTH_FIELD = field(items(1, 12, names=MONTHS), top=13)
# Up to Saturday: croniter reads 0-7 as an equal range and SUN-7 likewise; 7 has tests of its own.
WEEKDAY_FIELD = st.one_of(
    st.just("?"),
    BACKWARDS,
    st.sampled_from(["7", "5-7", "1-7/2", "2-7/3"]),
    field(items(0, 6, names=WEEKDAYS), top=8),
)
RULES_OF_MONTH = st.one_of(
    st.just("L"),
    st.sampled_from(["1,L", "L,15", "10-12,l"]),
    st.integers(1, 28).map(lambda day: f"{day}W"),
)
NTH = st.tuples(st.integers(0, 6), st.integers(1, 5)).map(lambda pair: f"{pair[0]}#{pair[1]}")
RULES_OF_WEEK = st.one_of(
    st.lists(NTH, min_size=1, max_size=3).map(",".join),
    st.integers(0, 6).map(lambda day: f"{day}L"),
)
RULED_DAYS = st.one_of(
    st.tuples(RULES_OF_MONTH, MONTH_FIELD, st.just("*")),
    st.tuples(st.sampled_from(["*", "?"]), MONTH_FIELD, RULES_OF_WEEK),
    st.tuples(st.sampled_from(["L", "1,L", "L,15"]), MONTH_FIELD, st.sampled_from(["5", "1-3", "0,6"])),
)
YEAR_2020 = datetime(2020, 1, 1, tzinfo=UTC)
STARTS = st.integers(0, 30 * 365 * 24 * 60).map(lambda minutes: YEAR_2020 + timedelta(minutes=minutes))


def check(expression: str, *, after: datetime, count: int) -> None:
    cron = parse(expression)
    written = re.sub(r"\b([0-7])L\b", r"L\1", expression)
    expected = list(islice(classical_times(written, after=after), count))
    assert list(islice(times(compile_calendars(cron), after=after), count)) == expected


def can_fire(fields: tuple[str, ...]) -> bool:
    day, month = fields[-3:-1]
    if not croniter.is_valid(f"0 0 {day} {month} *", strict=True):
        return False
    try:
        parse(" ".join(("0", "0", *fields[-3:])))
    except CronError as error:
        # Such as 29 February on a Sunday.
        return "does not fire in 8 years" not in error.reason
    return True


@settings(max_examples=400, deadline=None)
@given(st.tuples(MINUTES, HOURS, DAYS, MONTH_FIELD, WEEKDAY_FIELD).filter(can_fire), STARTS)
def test_five_fields_fire_when_croniter_says(fields: tuple[str, ...], after: datetime) -> None:
    check(" ".join(fields), after=after, count=12)


@settings(max_examples=300, deadline=None)
@given(st.tuples(DAYS, MONTH_FIELD, WEEKDAY_FIELD).filter(can_fire), STARTS)
def test_days_match_when_croniter_says(fields: tuple[str, ...], after: datetime) -> None:
    check(" ".join(("30 12", *fields)), after=after, count=30)


@settings(max_examples=400, deadline=None)
@given(RULED_DAYS.filter(can_fire), STARTS)
def test_rules_for_days_match_when_croniter_says(fields: tuple[str, ...], after: datetime) -> None:
    check(" ".join(("30 12", *fields)), after=after, count=20)


@pytest.mark.parametrize(
    ("expression", "first_days"),
    [
        ("0 0 13 * 5", ["01-02", "01-09", "01-13", "01-16"]),  # either
        ("0 0 1-31 * 5", ["01-02", "01-03", "01-04", "01-05"]),  # either, and every day is in the first
        ("0 0 */2 * 5", ["01-09", "01-23", "02-13", "02-27"]),  # both: odd days that are Fridays
        ("0 0 13 * */5", ["02-13", "03-13", "09-13", "11-13"]),  # both: the 13th on Sunday or Friday
    ],
)
def test_the_classical_rule_of_the_two_day_fields(expression: str, first_days: list[str]) -> None:
    after = datetime(2026, 1, 1, tzinfo=UTC)
    found = list(islice(times(compile_calendars(parse(expression)), after=after), 4))
    assert [f"{moment:%m-%d}" for moment in found] == first_days
    assert found == list(islice(classical_times(expression, after=after), 4))
