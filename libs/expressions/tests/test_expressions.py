"""Which texts are conditions, and what they say of an event."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trigger_expressions import MAX_LENGTH, EventContext, Expression, ExpressionError

EVENT: dict[str, Any] = {
    "specversion": "1.0",
    "id": "1",
    "source": "/shop",
    "type": "order.created",
    "data": {"total": 120, "rate": 1.5, "country": "NL", "tags": ["a", "b"], "none": None, "big": 2**70},
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("event.data.total > 100.0", True),
        ("event.data.total > 100", True),
        ("event.data.total > 120", False),
        ("event.data.rate < 2 && event.data.country == 'NL'", True),
        ('event.data.country in ["BE", "LU"]', False),
        ("'a' in event.data.tags && size(event.data.tags) == 2", True),
        ("has(event.data.missing)", False),
        ("!has(event.data.missing)", True),
        ("event.data.missing > 1", False),
        ("event.data.country > 1", False),
        ("1 / 0 == 1", False),
        ("event.type.startsWith('order.') && event.source == '/shop'", True),
        ("event.data.country.matches('^N.$')", True),
        ("event.data.country == '.map(x'", False),
        ("event.data.none == null", True),
        ("true", True),
    ],
)
def test_conditions(text: str, expected: bool) -> None:
    assert Expression(text).holds(EventContext(EVENT)) is expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "Syntax error"),
        ("event.data.total >", "Syntax error"),
        ("order.total > 1", "order"),
        ("nonsense(event)", "nonsense"),
        ("1 + 1", "condition"),
        ("'text'", "condition"),
        ("event.data.tags.map(t, t + 'x') == []", "map"),
        ("event.data.tags . all (t, t == 'a')", "all"),
        ("event.data.tags.exists(t, t == 'a')", "exists"),
        ("event.data.tags.filter(t, true) == []", "filter"),
        ("'''x''' == event.id", "three quotes"),
        ("(" * 400 + "true" + ")" * 400, "parse"),
        ("true || " * 200 + "true", "longer"),
    ],
)
def test_what_is_no_condition_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(ExpressionError, match=reason):
        Expression(text)


def test_the_limit_is_where_it_says() -> None:
    Expression("true" + " " * (MAX_LENGTH - 4))
    with pytest.raises(ExpressionError):
        Expression("true" + " " * (MAX_LENGTH - 3))


@given(st.text(alphabet="event.data()[]'\"&|!<>=+-*/? 01ax,mpfilter", max_size=60))
def test_no_text_does_anything_but_hold_or_be_refused(text: str) -> None:
    try:
        expression = Expression(text)
    except ExpressionError:
        return
    assert expression.holds(EventContext(EVENT)) in {True, False}
