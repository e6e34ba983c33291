"""When a schedule will fire, and what is worth knowing about it."""

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest

from trigger_api.domain.preview import preview
from trigger_contracts.config import ScheduleConfig

NOW = datetime(2026, 11, 1, 10, 30, tzinfo=UTC)
EARLIEST = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=1)))
LATEST = datetime(9999, 12, 31, 23, 59, 59, tzinfo=timezone(timedelta(hours=-5)))


def busy(config: ScheduleConfig, *, fires_per_day: int) -> list[tuple[date, str]]:
    found = preview(config, count=1, now=NOW, fires_per_day=fires_per_day)
    return [(notice.date, notice.message) for notice in found.notices if notice.kind == "busy_day"]


def test_a_day_with_many_fires_is_worth_knowing() -> None:
    config = ScheduleConfig(cron_expression="*/5 * * * *")
    assert busy(config, fires_per_day=288) == []
    assert busy(config, fires_per_day=287) == [
        (
            date(2026, 11, 1),
            "It fires 288 times on 2026-11-01; more than 287 times a day is unusual here.",
        )
    ]
    assert busy(ScheduleConfig(cron_expression="* * * * *"), fires_per_day=1440) == []


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        # The first day that fires at all, by the zone's dates.
        (
            ScheduleConfig(cron_expression="0 * 2 12 *", timezone="Europe/Berlin"),
            [(date(2026, 12, 2), 24)],
        ),
        (
            ScheduleConfig(cron_expression="0 * 2 12 *", excluded_dates=(date(2026, 12, 2),)),
            [(date(2027, 12, 2), 24)],
        ),
        # Its end is on that day in the zone, and the day before where it was written; a part of it is left.
        (
            ScheduleConfig(
                cron_expression="* * 2 12 *",
                timezone="Asia/Tokyo",
                end_at=datetime(2026, 12, 1, 23, tzinfo=UTC),
            ),
            [(date(2026, 12, 2), 8 * 60 + 1)],
        ),
        (
            ScheduleConfig(
                cron_expression="* * * * *",
                start_at=datetime(2026, 12, 2, tzinfo=UTC),
                end_at=datetime(2026, 12, 2, 0, 5, tzinfo=UTC),
            ),
            [],
        ),
        (
            ScheduleConfig(cron_expression="0 * * * *", start_at=datetime(2026, 12, 2, 9, tzinfo=UTC)),
            [(date(2026, 12, 3), 24)],
        ),
        # Its end is before that.
        (ScheduleConfig(cron_expression="0 * 2 12 *", end_at=datetime(2026, 12, 1, tzinfo=UTC)), []),
        (
            ScheduleConfig(cron_expression="0 9 * * *", additional_expressions=("0,30 * 5 11 *",)),
            [(date(2026, 11, 5), 48)],
        ),
    ],
)
def test_the_first_busy_day_within_a_year_of_the_next_fire(
    config: ScheduleConfig, expected: list[tuple[date, int]]
) -> None:
    found = [(day, int(message.split()[2])) for day, message in busy(config, fires_per_day=23)]
    assert found == expected


@pytest.mark.parametrize(
    "config",
    [
        ScheduleConfig(
            cron_expression="30 2 * * *", end_at=datetime(2026, 1, 1, tzinfo=UTC), jitter_seconds=5
        ),
        ScheduleConfig(cron_expression="0 0 1 1 *", end_at=datetime(2026, 12, 31, tzinfo=UTC)),
        ScheduleConfig(cron_expression="0 0 1 1 *", start_at=datetime(2150, 1, 1, tzinfo=UTC)),
        ScheduleConfig(
            cron_expression="0 0 1 1 *", excluded_dates=tuple(date(year, 1, 1) for year in range(2027, 2101))
        ),
    ],
)
def test_that_it_does_not_fire_any_more_is_all_there_is_to_know(config: ScheduleConfig) -> None:
    found = preview(config, count=5, now=NOW, fires_per_day=1)
    assert found.fire_times == ()
    assert [(notice.kind, notice.date) for notice in found.notices] == [("no_fire", NOW.date())]


def test_changes_of_the_clock_matter_while_the_schedule_is_in_force() -> None:
    def skipped(**options: Any) -> list[date]:
        config = ScheduleConfig(cron_expression="30 2 * * *", timezone="Europe/Berlin", **options)
        found = preview(config, count=1, now=NOW, fires_per_day=1440)
        return [notice.date for notice in found.notices if notice.kind == "skipped"]

    both = [date(2027, 3, 28), date(2028, 3, 26)]
    assert skipped() == both
    assert skipped(end_at=datetime(2027, 12, 31, tzinfo=UTC)) == both[:1]
    assert skipped(end_at=datetime(2027, 3, 27, 22, tzinfo=UTC)) == []
    assert skipped(start_at=datetime(2027, 6, 1, tzinfo=UTC)) == [both[1], date(2029, 3, 25)]
    assert skipped(excluded_dates=(both[0],)) == both[1:]
    assert skipped(start_at=EARLIEST, end_at=LATEST) == both


def test_that_months_lack_a_day_is_no_matter_of_an_excluded_date() -> None:
    config = ScheduleConfig(cron_expression="0 0 31 * *", excluded_dates=(date(2026, 11, 30),))
    (notice,) = preview(config, count=1, now=NOW, fires_per_day=1440).notices
    assert (notice.kind, notice.date) == ("missing_day", date(2026, 11, 30))


@pytest.mark.parametrize(
    "config",
    [
        ScheduleConfig(cron_expression="0 9 * * *", start_at=EARLIEST),
        ScheduleConfig(cron_expression="0 9 * * *", end_at=LATEST),
    ],
)
def test_times_that_utc_has_no_year_for(config: ScheduleConfig) -> None:
    found = preview(config, count=1, now=NOW, fires_per_day=1)
    assert found.fire_times == (datetime(2026, 11, 2, 9, tzinfo=UTC),)


def test_a_jitter_is_worth_knowing() -> None:
    config = ScheduleConfig(cron_expression="0 9 * * *", jitter_seconds=90)
    (notice,) = preview(config, count=1, now=NOW, fires_per_day=1).notices
    assert (notice.kind, notice.date) == ("jitter", date(2026, 11, 2))
    assert "up to 90 seconds" in notice.message


def test_the_times_of_temporal_come_first_and_computed_ones_follow() -> None:
    """About a change of the clock, a search that begins now may find other times than one that goes on."""
    config = ScheduleConfig(cron_expression="*/30 * * * *", timezone="Europe/London")
    said = [NOW + timedelta(minutes=minutes) for minutes in (7, 44)]
    found = preview(config, count=4, now=NOW, fires_per_day=1440, published=said)
    assert found.fire_times == (*said, NOW + timedelta(minutes=60), NOW + timedelta(minutes=90))
    assert preview(config, count=1, now=NOW, fires_per_day=1440, published=said).fire_times == tuple(said[:1])
    late = msgspec.structs.replace(config, jitter_seconds=60)
    assert preview(late, count=1, now=NOW, fires_per_day=1440, published=said).fire_times == (
        NOW + timedelta(minutes=30),
    )
