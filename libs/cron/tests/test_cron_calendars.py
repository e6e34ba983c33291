"""What an expression compiles to, as plain data and in Temporal's own types."""

import pytest
from temporalio.client import ScheduleCalendarSpec, ScheduleRange

from trigger_cron import Calendar, Range, compile_calendars, parse

ALL = {
    "second": (Range(0, 0, 1),),
    "minute": (Range(0, 0, 1),),
    "hour": (Range(0, 0, 1),),
    "day_of_month": (Range(1, 31, 1),),
    "month": (Range(1, 12, 1),),
    "day_of_week": (Range(0, 6, 1),),
}


@pytest.mark.parametrize(
    ("expression", "differences"),
    [
        ("0 0 * * *", [{}]),
        ("* * * * *", [{"minute": (Range(0, 59, 1),), "hour": (Range(0, 23, 1),)}]),
        ("*/15 9-17 * * *", [{"minute": (Range(0, 45, 15),), "hour": (Range(9, 17, 1),)}]),
        ("0,30 0 * * *", [{"minute": (Range(0, 0, 1), Range(30, 30, 1))}]),
        ("5,6 0 * * *", [{"minute": (Range(5, 6, 1),)}]),
        ("0,7,8,9,20,30,40 0 * * *", [{"minute": (Range(0, 0, 1), Range(7, 9, 1), Range(20, 40, 10))}]),
        ("0 0 1 1/3 *", [{"day_of_month": (Range(1, 1, 1),), "month": (Range(1, 10, 3),)}]),
        ("0 0 * * FRI-MON", [{"day_of_week": (Range(0, 1, 1), Range(5, 6, 1))}]),
        ("0 0 * * 7", [{"day_of_week": (Range(0, 0, 1),)}]),
        ("0 0 13 * 5", [{"day_of_month": (Range(13, 13, 1),)}, {"day_of_week": (Range(5, 5, 1),)}]),
        ("0 0 */2 * 5", [{"day_of_month": (Range(1, 31, 2),), "day_of_week": (Range(5, 5, 1),)}]),
        ("0 0 13 * */3", [{"day_of_month": (Range(13, 13, 1),), "day_of_week": (Range(0, 6, 3),)}]),
    ],
)
def test_compiled(expression: str, differences: list[dict[str, tuple[Range, ...]]]) -> None:
    assert compile_calendars(parse(expression)) == tuple(Calendar(**(ALL | part)) for part in differences)


def test_a_range_is_written_as_temporal_normalises_it() -> None:
    for mine in (Range(0, 0, 1), Range(5, 6, 1), Range(0, 45, 15)):
        theirs = ScheduleRange(mine.start, mine.end, mine.step)
        assert (theirs.start, theirs.end, theirs.step) == (mine.start, mine.end, mine.step)
    assert ScheduleRange(7) == ScheduleRange(7, 7, 1)


def test_every_field_but_the_comment_is_there() -> None:
    fields = set(ScheduleCalendarSpec.__dataclass_fields__)
    assert fields - set(Calendar.__dataclass_fields__) == {"comment"}
