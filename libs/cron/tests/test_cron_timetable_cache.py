"""Timetables that are kept."""

from datetime import date, timedelta
from zoneinfo import ZoneInfoNotFoundError

import pytest

from trigger_cron import (
    CronError,
    DstPolicy,
    ExclusionError,
    TimetableCache,
    TimetableError,
    TimetableKey,
    compile_timetable,
    parse,
    timetable_cache,
)

YEAR = tuple(date(2027, 1, 1) + timedelta(days=number) for number in range(366))


def times(
    *expressions: str,
    zone: str = "UTC",
    dates: tuple[date, ...] = (),
    dst_policy: DstPolicy = DstPolicy.LITERAL,
) -> TimetableKey:
    return TimetableKey(expressions, zone, dates, dst_policy)


def test_what_was_worked_out_is_not_worked_out_again(monkeypatch: pytest.MonkeyPatch) -> None:
    keeper, daily = TimetableCache(10), times("0 9 * * *")
    assert not keeper.has(daily)
    found = keeper.timetable(daily)
    assert found == compile_timetable([parse("0 9 * * *")], zone="UTC")
    monkeypatch.setattr(timetable_cache, "compile_timetable", None)
    assert keeper.has(daily)
    assert keeper.timetable(daily) is found
    keeper.forget()
    assert not keeper.has(daily)


@pytest.mark.parametrize(
    ("wanted", "error"),
    [
        (times("0 9 * *"), CronError),
        (times("30 1 * * *", zone="America/New_York", dst_policy=DstPolicy.SHIFT), TimetableError),
        (times("* * * * *", "0 0 1 * *", dates=YEAR), ExclusionError),
    ],
)
def test_why_there_is_none_is_kept_as_well(wanted: TimetableKey, error: type[Exception]) -> None:
    keeper = TimetableCache(10)
    caught = list[BaseException]()
    for _ in range(2):
        with pytest.raises(error) as raised:
            keeper.timetable(wanted)
        caught.append(raised.value)
    assert keeper.has(wanted)
    assert str(caught[0]) == str(caught[1])
    assert caught[0] is not caught[1]


def test_an_unknown_zone_may_be_known_tomorrow() -> None:
    keeper, wanted = TimetableCache(10), times("@daily", zone="Mars/Base", dst_policy=DstPolicy.SHIFT)
    with pytest.raises(ZoneInfoNotFoundError):
        keeper.timetable(wanted)
    assert not keeper.has(wanted)


def test_what_was_not_asked_for_the_longest_goes_first() -> None:
    keeper = TimetableCache(2)
    first, second, third = (times(f"{minute} 9 * * *") for minute in range(3))
    keeper.timetable(first)
    keeper.timetable(second)
    keeper.timetable(first)
    keeper.timetable(third)
    assert [keeper.has(one) for one in (first, second, third)] == [True, False, True]
