"""Which schedules a comparison describes."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from scheduler_sync.domain.describe_rotation import DescribeRotation

AT = datetime(2026, 1, 1, tzinfo=UTC)
IDS = [UUID(int=number) for number in range(40)]


def due(rotation: DescribeRotation, *, minute: float) -> list[int]:
    is_due = rotation.due(AT + timedelta(minutes=minute))
    return [trigger_id.int for trigger_id in IDS if is_due(trigger_id)]


def test_each_schedule_is_due_once_within_all_rounds() -> None:
    rotation = DescribeRotation(seconds=60, rounds=10)
    due(rotation, minute=0)
    seen = [due(rotation, minute=minute) for minute in range(1, 11)]
    assert sorted(number for some in seen for number in some) == list(range(40))
    assert all(len(some) == 4 for some in seen)


def test_a_comparison_that_is_late_makes_up_for_the_rounds_it_left_out() -> None:
    rotation = DescribeRotation(seconds=60, rounds=10)
    due(rotation, minute=0)
    assert len(due(rotation, minute=0.5)) == 0
    assert len(due(rotation, minute=3.9)) == 12


def test_a_leader_that_leads_again_does_not_do_what_others_have_done_meanwhile() -> None:
    rotation = DescribeRotation(seconds=60, rounds=10)
    due(rotation, minute=0)
    assert len(due(rotation, minute=500)) == 16


def test_another_process_goes_on_after_a_gap() -> None:
    first, second = DescribeRotation(seconds=60, rounds=10), DescribeRotation(seconds=60, rounds=10)
    seen = [due(first, minute=minute) for minute in range(3)]
    seen += [due(second, minute=minute) for minute in range(6, 10)]
    assert {number for some in seen for number in some} == set(range(40))


def test_a_schedule_to_retry_is_due_next_time() -> None:
    rotation = DescribeRotation(seconds=60, rounds=10)
    missed = due(rotation, minute=0)[:2]
    rotation.retry(UUID(int=number) for number in missed)
    assert set(missed) < set(due(rotation, minute=1))
    assert not set(missed) & set(due(rotation, minute=2))


def test_with_one_round_every_schedule_is_due_each_time() -> None:
    rotation = DescribeRotation(seconds=60, rounds=1)
    assert due(rotation, minute=0) == due(rotation, minute=0.1) == list(range(40))
