"""Which texts are conditions, and what they say of an event."""

from typing import Any

import cel
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trigger_expressions import MAX_LENGTH, EvaluationError, Expression, ExpressionError, problems_of


def outcome(text: str, event: dict[str, Any]) -> bool:
    """Tell whether a condition holds; one that can say nothing does not."""
    try:
        return Expression(text).holds(event)
    except EvaluationError:
        return False


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
    assert outcome(text, EVENT) is expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "Syntax error"),
        ("event.data.total >", "Syntax error"),
        ("event.data.tags.map(t, t + 'x') == []", "map"),
        ("event.data.tags . all (t, t == 'a')", "all"),
        ("event.data.tags.exists(t, t == 'a')", "exists"),
        ("event.data.tags.filter(t, true) == []", "filter"),
        ("event.data.tags.map//\n(t, t) == []", "map"),
        ("event.data.tags.map// (\n // \n\t(t, t) == []", "map"),
        ("event.data.tags.exists_one /**/ (t, true)", "Syntax error"),
        ('r"\\" == event.id || event.data.tags.map(t, t) == [] || "" == event.id', "map"),
        ("r'\\' == event.id || event.data.tags.all(t, t == 'x') || '' == event.id", "all"),
        ("b'\\'' == b'x' || event.data.tags.exists(t, true)", "exists"),
        ("event.data.tags.mapValues(t, t) == []", "mapValues"),
        ("cel.bind(x, event.data, x.total > 1)", "bind"),
        ("'''x''' == event.id", "three quotes"),
        ("(" * 400 + "true" + ")" * 400, "deeper"),
        ("!" * 400 + "true", "deeper"),
        ("[" * 60 + "]" * 60 + " == event.data", "deeper"),
        ("true || " * 200 + "true", "longer"),
        (" + ".join(["event.data.s"] * 30) + " == 'x'", "uses of"),
        ("event.data.s.matches(event.data.pattern)", "in quotes"),
        ("event.data.s.matches(1)", "in quotes"),
        ("event.data.s.matches('(.{50}){50}')", "take too long"),
        ("event.data.s.matches(r'\\w{50}')", "take too long"),
        ("event.data.s.matches('\\\\w{50}')", "take too long"),
        ("event.data.s.matches('\\u005cw{50}')", "take too long"),
        ("event.data.s.matches('[x\\\\w]{30}') || event.data.s.matches('(x\\\\pL){9}{9}')", "take too long"),
        ("event.data.s.matches('" + "a" * 250 + "')", "200 characters"),
        ("event.data.s.matches('(')", "not a pattern"),
        ("event.data.s.matches('a') || " * 6 + "true", "matches"),
    ],
)
def test_what_is_not_an_expression_or_has_no_bound_is_refused_in_every_place(text: str, reason: str) -> None:
    with pytest.raises(ExpressionError, match=reason):
        Expression(text)
    (problem,) = problems_of(text)
    assert reason in problem


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("order.total > 1", "there is no order"),
        ("nonsense(event)", "there is no nonsense()"),
        ("1 + 1", "true or false"),
        ("'text'", "true or false"),
        ("event.data.name.startswith('jo')", "startsWith"),
        ("event.data.name.toLowerCase() == 'jo'", "toLowerCase"),
        ("event.data.name.lowerAscii() == 'jo'", "lowerAscii"),
        ("event.data.name.split(',')[0] == 'a'", "split"),
        ("event.data.total.between(1, 2)", "between"),
        ("timestamp(event.time).getHours('Europe/Berlin') == 3", "UTC"),
        ("event.data.a == 1 && event.data.b > treshold", "treshold"),
        ("event.type == 'x' && undefined_thing", "undefined_thing"),
        ("event.data.a == 1 || evnt.data.b == 2", "is event meant"),
        ("event.data.total", "event.data.total == true"),
        ("event.data.name + 'x'", "a text"),
        ("event.data.total * 2", "a number"),
        ("[event.data.total > 1]", "a list"),
        ("event.data.a == 1 && 'x'", "&& takes true or false"),
        ("!event.data.a == 1 && !1", "! takes true or false"),
        ("size(event.data.tags) == '2'", "never the same"),
        ("event.data.name.startsWith(1)", "startsWith() takes a text"),
        ("startsWith(event.data.name, 'a')", "after a dot"),
        ("event.data.name.string() == 'a'", "does not come after a dot"),
        ("event.data.name.contains('a', 'b')", "one argument"),
        ("'a' + 1 == 'a1'", "string()"),
        ("event.data.total in 'abc'", "in takes"),
        ("1 < 2 < 3", "never the same"),
    ],
)
def test_a_slip_is_found_without_an_event_and_what_was_saved_with_one_is_still_evaluated(
    text: str, reason: str
) -> None:
    assert any(reason in problem for problem in problems_of(text)), problems_of(text)
    assert outcome(text, EVENT) in {True, False}


def test_a_condition_with_a_slip_that_held_for_some_events_still_does() -> None:
    assert Expression("event.data.total > 100 || event.data.name.startswith('x')").holds(EVENT)


@pytest.mark.parametrize(
    "text",
    [
        "event.data.total > 100",
        "event . data\n.total > 100 // a remark",
        "event[\"data\"]['total'] >= 1e2",
        "event.data.path == r'C:\\temp' || event.data.path == 'it\\'s'",
        "has(event.data.a.b) && event.data.a.b in {'x': 1, 'y': 2,}",
        "timestamp(event.time) + duration('1h') > timestamp('2026-01-01T00:00:00Z')",
        "timestamp(event.time) - timestamp(event.data.since) > duration('24h')",
        "(event.data.n + 1) % 2 == 0 && event.data.list[event.data.n - 1] == 'a'",
        "event.data.paid ? event.data.total > 1 : event.data.open == true",
        "type(event.data.total) == double || type(event.data.total) == int",
        "!(event.data.none == null) && -event.data.total < 0x10",
        "event.data.id.matches('^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$')",
        "event.data.mail.matches(r'^[\\w.+-]+@[\\w-]+(\\.[\\w-]+)+$')",
        "event.data.s.matches('[]a-z]{1,64}') && event.data.s.matches('^.{1,255}$')",
    ],
)
def test_what_can_work_has_no_problem(text: str) -> None:
    assert problems_of(text) == ()


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("event.data.a * 1.5 == 15", {"a": 10}),
        ("5.5 * 2 == 11", {}),
        ("event.data.a * event.data.b == 25", {"a": 10, "b": 2.5}),
        ("event.data.a + event.data.b == event.data.c", {"a": 1, "b": 0.5, "c": 1.5}),
        (
            "event.data.a + (event.data.b + event.data.c) == event.data.d",
            {"a": 1, "b": 2, "c": 0.5, "d": 3.5},
        ),
        ("event.data.a - event.data.b > event.data.c", {"a": 2, "b": 0.5, "c": 1}),
        ("event.data.a / 2 == 3.5", {"a": 7}),
        ("size(event.data.l) * 0.5 == 1", {"l": [1, 2]}),
        ("-event.data.a + 1.5 < 0", {"a": 2}),
        ("event.data.a + event.data.b == 'xy'", {"a": "x", "b": "y"}),
        ("event.data.a + event.data.b == [1, 2]", {"a": [1], "b": [2]}),
        ("event.data.a + event.data.b == 9007199254740993", {"a": 9007199254740992, "b": 1}),
        ("event.data.n % 2 == 1 && event.data.l[event.data.n - 3] == 'a'", {"n": 3, "l": ["a"]}),
    ],
)
def test_whole_and_broken_numbers_mean_the_same(text: str, data: dict[str, Any]) -> None:
    assert problems_of(text) == ()
    assert outcome(text, {**EVENT, "data": data})


_NUMBERS = st.one_of(st.integers(-1000, 1000), st.sampled_from([0.5, 1.5, -2.25, 100.0]))


@given(_NUMBERS, _NUMBERS, st.sampled_from("+-*"), st.sampled_from("+-*"))
def test_arithmetic_is_that_of_json(a: float, b: float, first: str, second: str) -> None:
    text = f"event.data.a {first} event.data.b {second} event.data.a == event.data.expected"
    terms = f"a {first} b {second} a"
    expected = eval(terms, {"a": a, "b": b})
    context = {**EVENT, "data": {"a": a, "b": b, "expected": expected}}
    assert outcome(text, context)


_NAMES = ".matches( 'a{9}' event data total size has map x true null in 1 2.5 'a' b'a' // == && || all u 0x1"
_WORDS = st.sampled_from([*_NAMES.split(), 'r"\\"', *".()[]{},:?!<>+-*/% \n'\"\\"])


@given(st.lists(_WORDS, max_size=25).map("".join))
def test_what_passes_calls_only_what_the_evaluator_would_call(text: str) -> None:
    """The evaluator's own parser is asked what a text calls: nothing that runs for each item of a list."""
    try:
        Expression(text)
    except ExpressionError:
        return
    assert not {"@not_strictly_false", "@in_bounds"} & set(cel.compile(text).functions())


_PATHS = st.sampled_from(
    [
        "event.data.total",
        "event.data['rate']",
        "event.data.tags[0]",
        "event.data.tags[7]",
        "event.data.tags",
        "event.data.missing",
        "event.data.missing.below",
        "event.data.country.below",
        "(event.data).none",
        "event.data.big",
        "event.data.tags[event.data.zero]",
        "1",
        "'NL'",
        "null",
    ]
)
_ATOMS = st.one_of(
    st.tuples(_PATHS, st.sampled_from(["==", "!=", "<", ">=", "in"]), _PATHS).map(" ".join),
    st.sampled_from(
        [
            "has(event.data.total)",
            "has(event.data.missing)",
            "has(event.data.missing.below)",
            "has(event.data.country.below)",
            "size(event.data.tags) == 2",
            "event.data.country.startsWith('N')",
            "event.data.none",
        ]
    ),
)
_CONDITIONS = st.recursive(
    _ATOMS,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["&&", "||"]), inner).map(lambda parts: f"({' '.join(parts)})"),
        inner.map(lambda text: f"!({text})"),
        st.tuples(inner, inner, inner).map(lambda parts: f"({parts[0]} ? {parts[1]} : {parts[2]})"),
    ),
    max_leaves=6,
)


@given(_CONDITIONS)
def test_reading_only_the_paths_says_the_same_as_reading_the_whole_event(text: str) -> None:
    event = {**EVENT, "data": {**EVENT["data"], "zero": 0}}
    try:
        whole = cel.compile(text).execute(cel.Context({"event": event}))
    except (LookupError, RuntimeError, TypeError, ValueError):
        whole = None
    assert outcome(text, event) is (whole is True)


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("event.data.a == event.data.b", {"a": [[1]] * 60_000, "b": 1}),
        (" || ".join(["event.data.a == event.data.b"] * 30), {"a": {"x": [1] * 5_000}, "b": 1}),
        ("event.data.a.contains('x')", {"a": "y" * 5_000_000}),
        ("event.data == event.id", {"a": ["y" * 1_000_000] * 5}),
        ("event == event", {"a": [0] * 200_000}),
    ],
)
def test_an_event_that_is_too_much_to_read_is_an_error_that_says_where(text: str, data: Any) -> None:
    with pytest.raises(EvaluationError, match=r"event.* holds more than"):
        Expression(text).holds({**EVENT, "data": data})


def test_a_large_event_costs_only_what_the_condition_reads_of_it() -> None:
    data = {"total": 120, "lines": [[1]] * 300_000}
    assert Expression("event.data.total > 100 && has(event.data.lines)").holds({**EVENT, "data": data})


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("event.data.missing > 1", "there is no event.data.missing"),
        ("event.data.tags[9] == 'a'", r"there is no event\.data\.tags\[9\]"),
        ("event.data.country > 1", "another type"),
        ("event.data.none ? true : false", "another type"),
        ("event.data.total", "neither true nor false"),
        ("event.data.n / event.data.zero > 1", "event.data.n"),
        ("event.data.total % 0 == 1", "it divides by zero"),
        ("event.data.tags[-1] == 'a'", "an index is outside of its list"),
        ("event.data.tags[int(event.data.total)] == 'a'", "an index is outside of its list"),
        # What is absent is the shortest part that leads nowhere, also where has() asks.
        ("event.data.a.b.c == 1", r"there is no event\.data\.a$"),
        ("has(event.data.a.b.c)", r"there is no event\.data\.a$"),
        ("has(event.data.country.b)", r"there is no event\.data\.country\.b"),
        ("event.data['first name'].x == 1", r'there is no event\.data\["first name"\]$'),
        ("event.data.a.b == 1 || event.data.a.c == 1", r"there is no event\.data\.a$"),
    ],
)
def test_what_says_nothing_of_an_event_says_why(text: str, reason: str) -> None:
    with pytest.raises(EvaluationError, match=reason):
        Expression(text).holds(EVENT)


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [("(", "unclosed group"), ("[a", "unclosed character class"), ("*a", "missing expression")],
)
def test_what_is_no_pattern_says_why_without_the_evaluator_s_words(pattern: str, reason: str) -> None:
    (problem,) = problems_of(f"event.data.country.matches('{pattern}')")
    assert f"'{pattern}' is not a pattern (RE2 syntax): " in problem
    assert reason in problem
    assert "Check function" not in problem
    assert not problem.endswith(".")


@pytest.mark.parametrize(
    "text",
    [
        "duration(event.data.country) > duration('1s')",
        "timestamp(event.data.country) > timestamp('2020-01-01T00:00:00Z')",
        "event.data[event.data.country] == 1",
        "event.data.customer[event.data.country] == 1",
        "int(event.data.country) > 1",
        "event.data.country > 1",
        "event.data.country + 1 == 2",
        "event.data.country",
        "event.data.n.startsWith(event.data.country)",
        "event.data.tags[event.data.country] == 'a'",
    ],
)
def test_what_a_failure_says_holds_no_value_of_the_event(text: str) -> None:
    secret = "hunter2"
    data = {**EVENT["data"], "country": secret, "n": 1, "customer": {}, "tags": [1]}
    with pytest.raises(EvaluationError) as failure:
        Expression(text).holds({**EVENT, "data": data})
    assert secret not in str(failure.value)
    assert len(str(failure.value)) > 10


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
    try:
        assert expression.holds(EVENT) in {True, False}
    except EvaluationError as error:
        assert str(error)
