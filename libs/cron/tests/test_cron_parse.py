"""What is accepted and what it means; what is refused, why and where."""

from calendar import monthrange
from datetime import date, timedelta
from itertools import pairwise

import pytest

from trigger_cron import MAX_LENGTH, Cron, CronError, expanded, parse
from trigger_cron.day_rules import DayRule, DayRuleKind


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("0", (0,)),
        ("07", (7,)),
        ("*", tuple(range(60))),
        ("*/20", (0, 20, 40)),
        ("*/90", (0,)),
        ("50/4", (50, 54, 58)),
        ("59/15", (59,)),
        ("10-20/5", (10, 15, 20)),
        ("5-5", (5,)),
        ("7,3,3-5,58/1", (3, 4, 5, 7, 58, 59)),
    ],
)
def test_minutes(field: str, expected: tuple[int, ...]) -> None:
    assert parse(f"{field} * * * *").minutes == expected


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("0", (0,)),
        ("7", (0,)),
        ("sUn", (0,)),
        ("MON-FRI", (1, 2, 3, 4, 5)),
        ("0-7", (0, 1, 2, 3, 4, 5, 6)),
        ("1-7/2", (0, 1, 3, 5)),
        ("5-7", (0, 5, 6)),
        ("FRI-SUN", (0, 5, 6)),
        ("FRI-MON", (0, 1, 5, 6)),
        ("5-1", (0, 1, 5, 6)),
        ("7-2", (0, 1, 2)),
        ("7-7", (0,)),
        ("SUN-SUN", (0,)),
        ("SAT-TUE/2", (1, 6)),
        ("SAT-FRI", (0, 1, 2, 3, 4, 5, 6)),
        ("MON/2", (1, 3, 5)),
        ("7/3", (0, 3, 6)),
        ("*/3", (0, 3, 6)),
        ("?", (0, 1, 2, 3, 4, 5, 6)),
    ],
)
def test_days_of_week(field: str, expected: tuple[int, ...]) -> None:
    assert parse(f"0 0 * * {field}").days_of_week == expected


def test_months_have_names_in_either_case() -> None:
    assert parse("0 0 1 jan,Mar-MAY,11 *").months == (1, 3, 4, 5, 11)


@pytest.mark.parametrize(
    ("nickname", "expression"),
    [
        ("@hourly", "0 * * * *"),
        ("@daily", "0 0 * * *"),
        ("@midnight", "0 0 * * *"),
        ("@weekly", "0 0 * * SUN"),
        ("@monthly", "0 0 1 * *"),
        ("@yearly", "0 0 1 1 *"),
        ("@annually", "0 0 1 1 *"),
        (" @Daily\t", "\t0  0 ? * ? "),
    ],
)
def test_nicknames_and_blanks_change_nothing(nickname: str, expression: str) -> None:
    assert parse(nickname) == parse(expression)


@pytest.mark.parametrize(
    ("expression", "day_of_month", "day_of_week"),
    [
        ("0 0 * * *", False, False),
        ("0 0 ? * MON", False, True),
        ("0 0 13 * ?", True, False),
        ("0 0 13 * 5", True, True),
        ("0 0 1-31 * 5", True, True),
        ("0 0 */2 * 5", False, True),
        ("0 0 13 * */2", True, False),
        ("0 0 *,13 * 5", False, True),
        ("0 0 13,* * 5", True, True),
    ],
)
def test_a_day_field_that_starts_with_a_star_is_not_restricted(
    expression: str, day_of_month: bool, day_of_week: bool
) -> None:
    cron = parse(expression)
    assert (cron.day_of_month_restricted, cron.day_of_week_restricted) == (day_of_month, day_of_week)
    assert cron.either_day is (day_of_month and day_of_week)


REFUSED = [
    ("", "the expression is empty", 0),
    (" \t", "the expression is empty", 0),
    ("* " * 250 + "*", "the expression is longer than 500 characters", 500),
    ("* * * *", "five fields are needed (minute, hour, day of month, month, day of week), here are 4", 7),
    ("0 0 * * * *", "five fields are needed, here are 6: seconds and years are not supported", 10),
    ("0 0 0 ? * MON 2030", "five fields are needed, here are 7: seconds and years are not supported", 10),
    ("CRON_TZ=UTC 0 0 * * *", "the time zone is a setting beside the expression, not a part of it", 0),
    (" tz=Europe/Oslo 0 0 * * *", "the time zone is a setting beside the expression, not a part of it", 1),
    ("@every 5m", "@every is not supported: it counts from a start that cron does not know", 0),
    (" @Reboot", "@reboot is not supported: a trigger has no machine that boots", 1),
    (
        "@noon",
        "'@noon' is unknown; known are @hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually",
        0,
    ),
    ("@daily 5", "nothing may follow '@daily'", 7),
    ("0 0 * * 5 # Friday", "comments ('#') are not supported", 10),
    ("# 0 0 * * 5", "comments ('#') are not supported", 0),
    ("5#3 * * * *", "minute: '#' may stand in the day of week only", 0),
    ("0 0 5#3 * *", "day of month: '#' goes into the day of week, as in FRI#3", 4),
    ("0 0 * * 5#", "day of week: the number after '#' is missing", 10),
    ("0 0 * * #3", "comments ('#') are not supported", 8),
    ("0 0 * * MON,5#0", "day of week: a month has no weekday number '0'; it is within 1-5", 14),
    ("0 0 * * 5#6", "day of week: a month has no weekday number '6'; it is within 1-5", 10),
    ("0 0 * * 5#-1", "day of week: '-1' is not a number", 10),
    ("0 0 * * 5#1#2", "day of week: '1#2' is not a number", 10),
    ("0 0 * * MON-FRI#2", "day of week: '#' follows one day, as in FRI#3", 8),
    ("0 0 * * 8#2", "day of week: '8' is not within 0-7", 8),
    ("0 0 * * */2#2", "day of week: '#' follows one day, as in FRI#3", 8),
    ("0 0 * * JAN#2", "day of week: 'JAN' is not a number or a name such as SUN", 8),
    ("0 L * * *", "hour: 'L' may stand in a day field only", 2),
    ("0 0 1 L *", "month: 'L' may stand in a day field only", 6),
    ("0 0 1,L-3 * *", "day of month: 'L-3' (days before the last) is not supported", 6),
    ("0 0 L/2 * *", "day of month: 'L' (the last day) stands alone", 4),
    ("0 0 5L * *", "day of month: 'L' (the last day) stands alone", 4),
    ("0 0 1-L * *", "day of month: 'L' (the last day) stands alone", 4),
    ("0 0 * * L", "day of week: 'L' (the last of the month) follows one day, as in FRIL", 8),
    ("0 0 * * L5", "day of week: 'L' (the last of the month) follows one day, as in FRIL", 8),
    ("0 0 * * 1-5L", "day of week: 'L' (the last of the month) follows one day, as in FRIL", 8),
    ("0 0 * * 9L", "day of week: '9' is not within 0-7", 8),
    ("0 0 * * julL", "day of week: 'jul' is not a number or a name such as SUN", 8),
    ("0 W * * *", "hour: 'W' may stand in the day of month only", 2),
    ("0 0 W * *", "day of month: 'W' (the nearest workday) follows one day, as in 15W, or L", 4),
    ("0 0 w15 * *", "day of month: 'W' (the nearest workday) follows one day, as in 15W, or L", 4),
    ("0 0 1-5W * *", "day of month: 'W' (the nearest workday) follows one day, as in 15W, or L", 4),
    ("0 0 15W/2 * *", "day of month: 'W' (the nearest workday) follows one day, as in 15W, or L", 4),
    ("0 0 32W * *", "day of month: '32' is not within 1-31", 4),
    ("0 0 0w * *", "day of month: '0' is not within 1-31", 4),
    ("0 0 * * 5W", "day of week: 'W' (the nearest workday) goes into the day of month, as in 15W", 8),
    ("0 0 * * LW", "day of week: 'W' (the nearest workday) goes into the day of month, as in 15W", 8),
    ("H * * * *", "minute: 'H' (a value by hash) is not supported; write the value", 0),
    ("0 h(0-5)/2 * * *", "hour: 'H' (a value by hash) is not supported; write the value", 2),
    ("R * * * *", "minute: 'R' (a random value) is not supported; write the value", 0),
    ("0 R(0-5) * * *", "hour: 'R' (a random value) is not supported; write the value", 2),
    ("60 * * * *", "minute: '60' is not within 0-59", 0),
    ("0 1,24 * * *", "hour: '24' is not within 0-23", 4),
    ("0 0 0 * *", "day of month: '0' is not within 1-31", 4),
    ("0 0 1-32 * *", "day of month: '32' is not within 1-31", 6),
    ("0 0 1 13 *", "month: '13' is not within 1-12", 6),
    ("0 0 1 * 8", "day of week: '8' is not within 0-7", 8),
    ("9" * 60 + " * * * *", f"minute: '{'9' * 40}…' is not within 0-59", 0),
    ("1,,2 * * * *", "minute: an item of the list is empty", 2),
    ("1, * * * *", "minute: an item of the list is empty", 2),
    (",1 * * * *", "minute: an item of the list is empty", 0),
    ("*/0 * * * *", "minute: the step must be at least 1", 2),
    ("*/ * * * *", "minute: the step after '/' is missing", 2),
    ("*/-5 * * * *", "minute: the step '-5' is not a number", 2),
    ("*/5/2 * * * *", "minute: the step '5/2' is not a number", 2),
    ("/5 * * * *", "minute: a value is missing", 0),
    ("30-10 * * * *", "minute: the range '30-10' runs backwards; write it as two", 0),
    ("0 0 1 1,NOV-FEB/2 *", "month: the range 'NOV-FEB' runs backwards; write it as two", 8),
    ("-5 * * * *", "minute: a value is missing", 0),
    ("5- * * * *", "minute: a value is missing", 2),
    ("1-2-3 * * * *", "minute: '2-3' is not a number", 2),
    ("*-5 * * * *", "minute: '*' is not a number", 0),
    ("5* * * * *", "minute: '5*' is not a number", 0),
    ("** * * * *", "minute: '**' is not a number", 0),
    ("1.5 * * * *", "minute: '1.5' is not a number", 0),
    ("1_0 * * * *", "minute: '1_0' is not a number", 0),
    ("+1 * * * *", "minute: '+1' is not a number", 0),
    ("MON * * * *", "minute: 'MON' is not a number", 0),
    ("0 0 1 MON *", "month: 'MON' is not a number or a name such as JAN", 6),
    ("0 0 1 * MONDAY", "day of week: 'MONDAY' is not a number or a name such as SUN", 8),
    ("? * * * *", "minute: '?' may stand in a day field only", 0),
    ("0 0 1,? * *", "day of month: '?' must stand alone", 6),
    ("0 0 ?/2 * *", "day of month: '?' must stand alone", 4),
    ("٣ * * * *", r"'\u0663' is not an ASCII character", 0),
    ("0 0\u00a0* * *", r"'\xa0' is not an ASCII character", 3),
    ("0 0 * *\n*", r"'\n' may not stand in an expression", 7),
    ("0 0 * * *\x00", r"'\x00' may not stand in an expression", 9),
    ("0 0 31 2 *", "the expression never fires: no such day in any of its months", 4),
    ("0 0 30-31 FEB *", "the expression never fires: no such day in any of its months", 4),
    ("0 0 30W 2 *", "the expression never fires: no such day in any of its months", 4),
    ("0 0 */31 2 MON#5", "the expression never fires: no such day in any of its months", 4),
    *(
        (
            f"0 0 {days}",
            "the expression does not fire in 8 years: such a day is too rarely such a weekday",
            4,
        )
        for days in ("29 2 */7", "* 2 MON#5", "*/31 1 */7", "29W FEB */4")
    ),
    ("0 0 31 2,4,6,9,11 */2", "the expression never fires: no such day in any of its months", 4),
]


@pytest.mark.parametrize(("expression", "reason", "position"), REFUSED)
def test_refusals_say_what_and_where(expression: str, reason: str, position: int) -> None:
    with pytest.raises(CronError) as caught:
        parse(expression)
    assert (caught.value.reason, caught.value.position) == (reason, position)
    assert str(caught.value) == f"{reason} (at position {position})"


def test_the_longest_expression_is_accepted() -> None:
    longest = "0 0 * * " + "1," * 245 + "01"
    assert len(longest) == MAX_LENGTH
    assert parse(longest) == parse("0 0 * * MON")


@pytest.mark.parametrize(
    "expression",
    [
        "0 0 29 2 *",
        "0 0 31 2 MON",
        "0 0 31 */2 *",
        "0 0 30,31 2-3 *",
        "0 0 */30 2 *",
        "0 0 29W 2 *",
        "0 0 * FEB 6L",
        "0 0 * 2 MON#5,TUE#5,WED#5,THU#5,FRI#5,SAT#5,SUN#5",
        "0 0 13 1 */3",
    ],
)
def test_rare_dates_are_dates(expression: str) -> None:
    cron = parse(expression)
    assert cron.has_dates
    assert cron.fires_often_enough


def matching_years(cron: Cron, *, years: range) -> set[int]:
    """Return the years with a date that matches, asked date by date."""
    found = set()
    for year in years:
        day = date(year, 1, 1)
        while day.year == year and year not in found:
            length = monthrange(year, day.month)[1]
            if day.month in cron.months and any(
                length in pattern.lengths
                and day.day in pattern.days
                and day.isoweekday() % 7 in pattern.weekdays
                for pattern in cron.day_patterns
            ):
                found.add(year)
            day += timedelta(days=1)
    return found


@pytest.mark.parametrize(
    ("expression", "longest"), [("0 0 29 2 *", 7), ("0 0 * 2 MON#5,TUE#5,WED#5,THU#5,FRI#5,SAT#5,SUN#5", 7)]
)
def test_the_longest_silence_of_what_is_accepted(expression: str, longest: int) -> None:
    years = range(2000, 2400)
    found = sorted(matching_years(parse(expression), years=years))
    assert max(later - earlier - 1 for earlier, later in pairwise(found)) == longest


@pytest.mark.parametrize(
    ("field", "values", "rules"),
    [
        ("L", (), (DayRule(DayRuleKind.LAST_DAY),)),
        ("1,l", (1,), (DayRule(DayRuleKind.LAST_DAY),)),
        ("lW,L,LW", (), (DayRule(DayRuleKind.LAST_DAY), DayRule(DayRuleKind.LAST_WORKDAY))),
        ("15W,01w,3", (3,), tuple(DayRule(DayRuleKind.NEAREST_WORKDAY, day=day) for day in (1, 15))),
    ],
)
def test_rules_of_the_day_of_month(field: str, values: tuple[int, ...], rules: tuple[DayRule, ...]) -> None:
    cron = parse(f"0 0 {field} * *")
    assert (cron.days_of_month, cron.rules_of_month) == (values, rules)
    assert (cron.day_of_month_restricted, cron.rules_of_week) == (True, ())


@pytest.mark.parametrize(
    ("field", "values", "rules"),
    [
        ("5#3", (), (DayRule(DayRuleKind.NTH_WEEKDAY, weekday=5, nth=3),)),
        ("fri#03,MON", (1,), (DayRule(DayRuleKind.NTH_WEEKDAY, weekday=5, nth=3),)),
        ("7#1,SUN#1", (), (DayRule(DayRuleKind.NTH_WEEKDAY, weekday=0, nth=1),)),
        ("friL,7l", (), tuple(DayRule(DayRuleKind.LAST_WEEKDAY, weekday=day) for day in (0, 5))),
        ("WED", (3,), ()),
    ],
)
def test_rules_of_the_day_of_week(field: str, values: tuple[int, ...], rules: tuple[DayRule, ...]) -> None:
    cron = parse(f"0 0 * * {field}")
    assert (cron.days_of_week, cron.rules_of_week) == (values, rules)
    assert (cron.day_of_week_restricted, cron.rules_of_month) == (True, ())


def test_expanded() -> None:
    assert expanded(" @Daily") == "0 0 * * *"
    assert expanded("0  0\tlw * friL") == "0 0 LW * FRIL"
