"""When a schedule will fire, and what is worth knowing about it."""

from datetime import UTC, date, datetime

import pytest

from trigger_api.domain.preview import preview
from trigger_contracts.config import ScheduleConfig

NOW = datetime(2026, 11, 1, 10, 30, tzinfo=UTC)


def busy(config: ScheduleConfig, *, fires_per_day: int) -> list[tuple[date, str]]:
    found = preview(config, count=1, now=NOW, fires_per_day=fires_per_day)
    return [(notice.date, notice.message) for notice in found.notices if notice.kind == "busy_day"]


def test_a_day_with_many_fires_is_worth_knowing() -> None:
    config = ScheduleConfig(cron_expression="*/5 * * * *")
    assert busy(config, fires_per_day=288) == []
    (found,) = busy(config, fires_per_day=287)
    # What is left of the first day is fewer: the first whole one shows it.
    assert found == (
        date(2026, 11, 2),
        "It fires 288 times on 2026-11-02; more than 287 times a day is unusual here.",
    )


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        # A minute that two expressions name fires once.
        (ScheduleConfig(cron_expression="0 * * * *", additional_expressions=("0 * * * *",)), []),
        (ScheduleConfig(cron_expression="0 * * * *", additional_expressions=("30 12 * * *",)), [25]),
        # 31 October 2027 has an hour twice, in which Temporal fires once.
        (ScheduleConfig(cron_expression="0 * 31 10 *", timezone="Europe/Berlin"), []),
        (ScheduleConfig(cron_expression="*/30 * 2 12 *", excluded_dates=(date(2026, 12, 2),)), [48]),
    ],
)
def test_all_expressions_count_together_and_by_the_days_of_the_zone(
    config: ScheduleConfig, expected: list[int]
) -> None:
    counts = [int(message.split()[2]) for _, message in busy(config, fires_per_day=24)]
    assert counts == expected


def test_what_has_ended_has_no_days() -> None:
    ended = ScheduleConfig(cron_expression="* * * * *", end_at=datetime(2026, 1, 1, tzinfo=UTC))
    found = preview(ended, count=5, now=NOW, fires_per_day=1)
    assert found.fire_times == ()
    assert busy(ended, fires_per_day=1) == []
