"""Failures of one condition add up; those of another one are not its own."""

from datetime import UTC, datetime
from uuid import UUID

from trigger_contracts.condition_failures import MAX_DETAIL, ConditionFailed, merged, one_failure


def failure(*, version: int = 1, expression: str = "event.a > 1", detail: str = "why") -> ConditionFailed:
    return one_failure(
        UUID(int=1),
        trigger_version=version,
        expression=expression,
        at=datetime(2026, 1, version, tzinfo=UTC),
        detail=detail,
    )


def test_failures_of_one_condition_add_up_and_the_last_one_says_why() -> None:
    both = merged(merged(failure(), failure()), failure(version=2, detail="newer"))
    assert (both.failures, both.trigger_version, both.detail) == (3, 2, "newer")
    assert both.last_failed_at == datetime(2026, 1, 2, tzinfo=UTC)


def test_another_condition_begins_again() -> None:
    later = failure(version=2, expression="event.b > 1")
    assert merged(failure(), later) == later


def test_a_detail_is_bounded() -> None:
    assert len(failure(detail="x" * 1000).detail) == MAX_DETAIL
