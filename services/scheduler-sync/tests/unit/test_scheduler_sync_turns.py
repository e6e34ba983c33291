"""Whose turn it is to be looked at closely."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from scheduler_sync.usecases.turns import Turns

AT = datetime(2026, 1, 1, tzinfo=UTC)
IDS = [UUID(int=number) for number in range(40)]


def due(turns: Turns, *, minute: float) -> list[int]:
    is_due = turns.due(AT + timedelta(minutes=minute))
    return [trigger_id.int for trigger_id in IDS if is_due(trigger_id)]


def test_everybody_has_his_turn_once_within_all_rounds() -> None:
    turns = Turns(seconds=60, rounds=10)
    due(turns, minute=0)
    seen = [due(turns, minute=minute) for minute in range(1, 11)]
    assert sorted(number for some in seen for number in some) == list(range(40))
    assert all(len(some) == 4 for some in seen)


def test_a_comparison_that_is_late_makes_up_for_the_rounds_it_left_out() -> None:
    turns = Turns(seconds=60, rounds=10)
    due(turns, minute=0)
    assert len(due(turns, minute=0.5)) == 0
    assert len(due(turns, minute=3.9)) == 12


def test_who_leads_again_does_not_do_what_others_have_done_meanwhile() -> None:
    turns = Turns(seconds=60, rounds=10)
    due(turns, minute=0)
    assert len(due(turns, minute=500)) == 16


def test_another_process_goes_on_after_a_gap() -> None:
    first, second = Turns(seconds=60, rounds=10), Turns(seconds=60, rounds=10)
    seen = [due(first, minute=minute) for minute in range(3)]
    seen += [due(second, minute=minute) for minute in range(6, 10)]
    assert {number for some in seen for number in some} == set(range(40))


def test_who_missed_his_turn_is_due_next_time() -> None:
    turns = Turns(seconds=60, rounds=10)
    missed = due(turns, minute=0)[:2]
    turns.missed(UUID(int=number) for number in missed)
    assert set(missed) < set(due(turns, minute=1))
    assert not set(missed) & set(due(turns, minute=2))


def test_one_round_is_everybody_each_time() -> None:
    turns = Turns(seconds=60, rounds=1)
    assert due(turns, minute=0) == due(turns, minute=0.1) == list(range(40))
