"""When a schedule will fire, and what is worth knowing about it."""

from datetime import UTC, date, datetime, timedelta, timezone

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


def test_what_has_ended_has_no_days() -> None:
    ended = ScheduleConfig(cron_expression="* * * * *", end_at=datetime(2026, 1, 1, tzinfo=UTC))
    found = preview(ended, count=5, now=NOW, fires_per_day=1)
    assert found.fire_times == ()
    assert busy(ended, fires_per_day=1) == []


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
