"""Sentences for expressions: never an error, and never one that says something else."""

from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trigger_api.adapters.cron_description import describe
from trigger_cron import CronError, compile_calendars, fire_times, parse


@pytest.mark.parametrize(
    ("expression", "sentence"),
    [
        ("0 9 * * MON-FRI", "At 09:00, Monday through Friday, UTC"),
        ("*/15 * * * *", "Every 15 minutes, every hour, every day, UTC"),
        ("@daily", "At 00:00, every day, UTC"),
        # A step that does not divide its field is no interval: it is short where the field begins again.
        (
            "*/25 * * * *",
            "At 0, 25, and 50 minutes past the hour, every hour, every day, UTC",
        ),
        ("0 */9 * * *", "At 00:00, 09:00 and 18:00, every day, UTC"),
        ("0 9 */15 * *", "At 09:00, on day 1, 16, and 31 of the month, UTC"),
        ("0 9 * */5 *", "At 09:00, every day, only in January, June, and November, UTC"),
        ("0 9 * * 1/2", "At 09:00, only on Monday, Wednesday, and Friday, UTC"),
        ("0 9 * * */3", "At 09:00, only on Sunday, Wednesday, and Saturday, UTC"),
        ("5/20 9 * * *", "At 5, 25, and 45 minutes past the hour, at 09:00, every day, UTC"),
        ("0 9 * * 0,7", "At 09:00, only on Sunday, UTC"),
        ("0 */8 * * *", "Every 8 hours, every day, UTC"),
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


@pytest.mark.parametrize("step", range(2, 60))
def test_a_sentence_names_an_interval_only_where_all_fires_keep_it(step: int) -> None:
    for expression, unit, size in (
        (f"*/{step} * * * *", "minutes", 60),
        (f"0 */{step} * * *", "hours", 24),
    ):
        try:
            calendars = compile_calendars(parse(expression))
        except CronError:
            continue
        after = datetime(2027, 1, 1, tzinfo=UTC)
        times = list(islice(fire_times(calendars, zone="UTC", after=after), 100))
        apart = {later - earlier for earlier, later in pairwise(times)}
        interval = timedelta(**{unit: step})
        assert (f"very {step} {unit}" in describe([expression], timezone="UTC")) is (
            apart == {interval} and step < size
        )


@pytest.mark.slow
@settings(max_examples=1500, deadline=None)
@given(EXPRESSIONS)
def test_whatever_is_accepted_is_put_into_words_or_left_as_it_is(expression: str) -> None:
    try:
        parse(expression)
    except CronError:
        return
    assert describe([expression], timezone="UTC")
