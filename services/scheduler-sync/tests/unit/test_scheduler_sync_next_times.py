"""When a schedule fires next, and whether what is shown can be that."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from scheduler_sync.domain.desired import DesiredSchedule, UncompilableError, desired_schedule
from scheduler_sync.domain.next_times import agree, is_finished, next_times
from trigger_contracts.config import DstPolicy, ScheduleConfig, TriggerState

NOW = datetime(2026, 1, 20, tzinfo=UTC)
DAYS = [NOW + timedelta(days=day) for day in range(-1, 8)]


def desired(*, enabled: bool = True, **config: Any) -> DesiredSchedule:
    found = desired_schedule(
        TriggerState(
            id=UUID(int=1),
            workspace="acme",
            workflow_id=UUID(int=2),
            name="Daily",
            enabled=enabled,
            config=ScheduleConfig(**{"cron_expression": "0 9 5 1 *", **config}),
            version=1,
            created_at=NOW,
            updated_at=NOW,
        )
    )
    assert found is not None
    return found


@pytest.mark.parametrize("enabled", [True, False])
@pytest.mark.parametrize(
    ("end_at", "finished"),
    [
        (None, False),
        (datetime(2026, 12, 31, tzinfo=UTC), True),
        (datetime(2027, 1, 5, 8, 59, 59, tzinfo=UTC), True),
        (datetime(2027, 1, 5, 9, tzinfo=UTC), False),
        (datetime(2026, 1, 1, tzinfo=UTC), True),
    ],
)
def test_what_has_no_fire_before_its_end_is_finished(
    end_at: datetime | None, enabled: bool, finished: bool
) -> None:
    assert is_finished(desired(end_at=end_at, enabled=enabled), now=NOW) is finished


def test_what_is_all_excluded_is_finished_without_an_end() -> None:
    excluded = tuple(date(year, 1, 5) for year in range(2026, 2101))
    assert is_finished(desired(excluded_dates=excluded), now=NOW)
    assert not is_finished(desired(excluded_dates=excluded[:-1]), now=NOW)


@pytest.mark.parametrize("zone", ["Mars/Base", "Europe", "../etc/passwd", ""])
def test_only_temporal_judges_an_unknown_zone(zone: str) -> None:
    found = desired(timezone=zone)
    assert next_times(found, now=NOW, count=5) is None
    assert not is_finished(found, now=NOW)
    with pytest.raises(UncompilableError, match="unknown time zone"):
        desired(timezone=zone, dst_policy=DstPolicy.SHIFT)


@pytest.mark.parametrize(
    ("shown", "expected", "result"),
    [
        (DAYS[2:7], DAYS[2:7], True),
        # An older list begins and ends earlier; a fire that is over says nothing.
        (DAYS[0:6], DAYS[2:7], True),
        (DAYS[3:8], DAYS[2:7], False),
        ([DAYS[2], DAYS[4]], DAYS[2:7], False),
        ([DAYS[2] + timedelta(hours=1)], DAYS[2:7], False),
        ([], DAYS[2:7], False),
        (DAYS[0:1], DAYS[2:7], False),
        ([], [], True),
        (DAYS[2:3], [], False),
    ],
)
def test_whether_what_is_shown_can_be_what_is_expected(
    shown: list[datetime], expected: list[datetime], result: bool
) -> None:
    assert agree(shown, expected, now=NOW) is result
