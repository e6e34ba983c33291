"""Timetables that are kept."""

from datetime import date, timedelta

import pytest

from trigger_contracts.config import DstPolicy, ScheduleConfig
from trigger_cron import (
    CronError,
    ExclusionError,
    TimetableCache,
    TimetableError,
    UnknownZoneError,
    compile_timetable,
    is_cached,
    parse,
    timetable_cache,
    timetable_of,
)

YEAR = tuple(date(2027, 1, 1) + timedelta(days=number) for number in range(366))


def schedule(
    expression: str,
    *additional: str,
    zone: str = "UTC",
    dates: tuple[date, ...] = (),
    dst_policy: DstPolicy = DstPolicy.LITERAL,
) -> ScheduleConfig:
    return ScheduleConfig(
        cron_expression=expression,
        additional_expressions=additional,
        timezone=zone,
        excluded_dates=dates,
        dst_policy=dst_policy,
    )


def test_a_timetable_is_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    cache, daily = TimetableCache(10), schedule("0 9 * * *")
    assert not cache.has(daily)
    timetable = cache.timetable_of(daily)
    assert timetable == compile_timetable([parse("0 9 * * *")], zone="UTC")
    monkeypatch.setattr(timetable_cache, "compile_timetable", None)
    assert cache.has(daily)
    assert cache.timetable_of(daily) is timetable
    cache.clear()
    assert not cache.has(daily)


@pytest.mark.parametrize(
    ("config", "error"),
    [
        (schedule("0 9 * *"), CronError),
        (schedule("30 1 * * *", zone="America/New_York", dst_policy=DstPolicy.SHIFT), TimetableError),
        (schedule("* * * * *", "0 0 1 * *", dates=YEAR), ExclusionError),
    ],
)
def test_the_error_is_kept_as_well(config: ScheduleConfig, error: type[Exception]) -> None:
    cache = TimetableCache(10)
    caught = list[BaseException]()
    for _ in range(2):
        with pytest.raises(error) as raised:
            cache.timetable_of(config)
        caught.append(raised.value)
    assert cache.has(config)
    assert str(caught[0]) == str(caught[1])
    assert caught[0] is not caught[1]


def test_an_unknown_zone_is_not_kept() -> None:
    cache, config = TimetableCache(10), schedule("@daily", zone="Mars/Base", dst_policy=DstPolicy.SHIFT)
    with pytest.raises(UnknownZoneError):
        cache.timetable_of(config)
    assert not cache.has(config)


def test_the_least_recently_used_entry_goes_first() -> None:
    cache = TimetableCache(2)
    first, second, third = (schedule(f"{minute} 9 * * *") for minute in range(3))
    cache.timetable_of(first)
    cache.timetable_of(second)
    cache.timetable_of(first)
    cache.timetable_of(third)
    assert [cache.has(one) for one in (first, second, third)] == [True, False, True]


@pytest.mark.usefixtures("no_timetables_cached")
def test_a_simple_schedule_counts_as_cached_and_a_slow_one_once_it_is_computed() -> None:
    assert is_cached(schedule("7 9 * * *"))
    slow = schedule("7 2 * * *", zone="Europe/Berlin", dst_policy=DstPolicy.SHIFT)
    assert not is_cached(slow)
    timetable_of(slow)
    assert is_cached(slow)
    assert not is_cached(schedule("7 9 * * *", dates=YEAR[:1]))
