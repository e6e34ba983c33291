"""``L``, ``LW``, ``15W``, ``FRI#3``, ``FRIL``: the days are those that one finds on a wall calendar."""

from calendar import monthrange
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trigger_cron import Calendar, Range, compile_calendars, parse
from trigger_cron.calendars import values

FIRST, LAST = date(2000, 1, 1), date(2100, 12, 31)
ALL = [FIRST + timedelta(days=n) for n in range((LAST - FIRST).days + 1)]
MONTHS = [(year, month) for year in range(2000, 2101) for month in range(1, 13)]


def days_of(calendars: tuple[Calendar, ...]) -> set[date]:
    found: set[date] = set()
    for one in calendars:
        days, months = values(one.day_of_month), values(one.month)
        weekdays, years = values(one.day_of_week), values(one.year)
        found |= {
            day
            for day in ALL
            if day.day in days
            and day.month in months
            and day.isoweekday() % 7 in weekdays
            and (not years or day.year in years)
        }
    return found


def last_day(year: int, month: int) -> date:
    return date(year, month, monthrange(year, month)[1])


def nearest_workday(day: date) -> date:
    """Return it by looking around, the nearer ones first, in the same month."""
    for distance in (0, 1, -1, 2, -2):
        found = day + timedelta(days=distance)
        if found.month == day.month and found.isoweekday() <= 5:
            return found
    raise AssertionError


def on_the_wall(field: str) -> set[date]:
    """Return what a rule names, month by month."""
    found = set()
    for year, month in MONTHS:
        last = last_day(year, month)
        days = [date(year, month, day) for day in range(1, last.day + 1)]
        match field:
            case "L":
                found.add(last)
            case "LW":
                found.add(max(day for day in days if day.isoweekday() <= 5))
            case _ if field.endswith("W"):
                found |= {nearest_workday(day) for day in days if day.day == int(field[:-1])}
            case _:
                weekday, _, nth = field.partition("#")
                named = [day for day in days if day.isoweekday() % 7 == int(weekday.rstrip("L")) % 7]
                found |= {named[-1]} if not nth else set(named[int(nth) - 1 : int(nth)])
    return found


@pytest.mark.parametrize("field", ["L", "LW", *(f"{day}W" for day in range(1, 32))])
def test_a_rule_of_the_day_of_month(field: str) -> None:
    assert days_of(compile_calendars(parse(f"0 0 {field} * *"))) == on_the_wall(field)


@pytest.mark.parametrize(
    "field", [*(f"{day}L" for day in range(8)), *(f"{day}#{nth}" for day in (0, 3, 7) for nth in range(1, 6))]
)
def test_a_rule_of_the_day_of_week(field: str) -> None:
    assert days_of(compile_calendars(parse(f"0 0 * * {field}"))) == on_the_wall(field)


OF_MONTH = st.one_of(st.sampled_from(["L", "LW"]), st.integers(1, 31).map(lambda day: f"{day}W"))
OF_WEEK = st.one_of(
    st.integers(0, 7).map(lambda day: f"{day}L"),
    st.tuples(st.integers(0, 7), st.integers(1, 5)).map(lambda pair: f"{pair[0]}#{pair[1]}"),
)


@settings(max_examples=40, deadline=None)
@given(st.lists(OF_MONTH, min_size=1, max_size=3), st.lists(OF_WEEK, min_size=1, max_size=2))
def test_either_day_of_several_rules(of_month: list[str], of_week: list[str]) -> None:
    calendars = compile_calendars(parse(f"0 0 {','.join(of_month)},13 * {','.join(of_week)},FRI"))
    plain = {day for day in ALL if day.day == 13 or day.isoweekday() == 5}
    assert days_of(calendars) == plain.union(*map(on_the_wall, [*of_month, *of_week]))


@settings(max_examples=20, deadline=None)
@given(OF_MONTH, OF_WEEK)
def test_both_days_where_one_field_starts_with_a_star(of_month: str, of_week: str) -> None:
    odd = {day for day in ALL if day.day % 2}
    even_weekdays = {day for day in ALL if day.isoweekday() % 7 % 2 == 0}
    assert days_of(compile_calendars(parse(f"0 0 */2 1-12 {of_week},5"))) == odd & (
        on_the_wall(of_week) | {day for day in ALL if day.isoweekday() == 5}
    )
    assert days_of(compile_calendars(parse(f"0 0 {of_month},1 * */2"))) == even_weekdays & (
        on_the_wall(of_month) | {day for day in ALL if day.day == 1}
    )


@pytest.mark.parametrize(
    ("expression", "count"),
    [
        ("0 0 L * *", 4),
        ("0 0 L 1,3,5 *", 1),
        ("0 0 L 2 *", 2),
        ("0 0 LW * *", 8),
        ("0 0 15W * *", 3),
        ("0 0 1W * *", 2),
        ("0 0 31W * *", 3),
        ("0 0 28W * *", 5),
        ("0 0 * * FRI#3", 1),
        ("0 0 * * FRI#3,MON", 2),
        ("0 0 * * FRIL", 4),
        ("0 0 L,LW,15W * FRIL,MON#1,TUE", 21),
    ],
)
def test_how_many_calendars_that_takes(expression: str, count: int) -> None:
    assert len(compile_calendars(parse(expression))) == count


def test_only_february_knows_years() -> None:
    found = compile_calendars(parse("0 0 L * *"))
    with_years = [one for one in found if one.year]
    assert [one.month for one in with_years] == [(Range(2, 2, 1),)] * 2
    assert {one.day_of_month[0].start: len(values(one.year)) for one in with_years} == {28: 76, 29: 25}
