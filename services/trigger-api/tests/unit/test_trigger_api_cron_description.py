"""Sentences for expressions: never an error, and never one that says something else."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trigger_api.adapters.cron_description import describe
from trigger_cron import CronError, parse


@pytest.mark.parametrize(
    ("expression", "sentence"),
    [
        ("0 9 * * MON-FRI", "At 09:00, Monday through Friday, UTC"),
        ("*/15 * * * *", "Every 15 minutes, every hour, every day, UTC"),
        ("@daily", "At 00:00, every day, UTC"),
        ("0 0 L * *", "At 00:00, on the last day of the month, UTC"),
        # It would fail, or say something else: the expression itself is true.
        ("0 *,3 * * *", "0 *,3 * * *, UTC"),
        ("0 0 * *,2 *", "0 0 * *,2 *, UTC"),
        ("0 0 1,* * *", "0 0 1,* * *, UTC"),
        ("0 0 13 * *,MON", "0 0 13 * *,MON, UTC"),
        ("0 0 */2 * MON", "0 0 */2 * MON, UTC"),
        ("*/90 * * * *", "*/90 * * * *, UTC"),
        ("0 9 * * SAT-TUE/2", "0 9 * * SAT-TUE/2, UTC"),
        ("0 0 L * FRI#2", "0 0 L * FRI#2, UTC"),
    ],
)
def test_a_sentence(expression: str, sentence: str) -> None:
    assert describe([expression], timezone="UTC") == sentence


def _field(lowest: int, highest: int, *rules: str) -> st.SearchStrategy[str]:
    number = st.integers(lowest, highest).map(str)
    bounds = st.tuples(st.integers(lowest, highest), st.integers(lowest, highest)).map(sorted)
    span = bounds.map(lambda ends: f"{ends[0]}-{ends[1]}")
    start = number | span | st.just("*")
    step = st.tuples(span | st.just("*"), st.integers(1, 100)).map(lambda both: f"{both[0]}/{both[1]}")
    return st.lists(start | step | st.sampled_from(rules or ("*",)), min_size=1, max_size=3).map(",".join)


EXPRESSIONS = st.tuples(
    _field(0, 59),
    _field(0, 23),
    _field(1, 31, "L", "LW", "15W", "?"),
    _field(1, 12, "FEB", "JAN-MAR"),
    _field(0, 7, "FRI#3", "5L", "MON", "SAT-TUE", "?"),
).map(" ".join)


@pytest.mark.slow
@settings(max_examples=1500, deadline=None)
@given(EXPRESSIONS)
def test_whatever_is_accepted_is_put_into_words_or_left_as_it_is(expression: str) -> None:
    try:
        parse(expression)
    except CronError:
        return
    assert describe([expression], timezone="UTC")
