"""Filters and conditions on the payload of a webhook's delivery."""

import pytest

from trigger_expressions import (
    PAYLOAD,
    Expression,
    ExpressionError,
    filter_problems,
    filters_hold,
    paths_in,
    problems_of,
)

DELIVERY = {
    "headers": {"x-github-event": "push", "content-type": "application/json"},
    "body": {"ref": "refs/heads/main", "total": 120, "First Name": "Ann", "lines": [{"sku": "a"}]},
    "bodyFormat": "json",
    "query": {"env": "prod", "tag": ["a", "b"]},
    "method": "POST",
}


@pytest.mark.parametrize(
    "path",
    [
        "body.ref",
        'body["First Name"]',
        "body.lines[0].sku",
        "body[0].id",
        "headers.x-github-event",
        'headers["x-github-event"]',
        "query.env",
        "method",
        "bodyFormat",
        "bodyProblem",
    ],
)
def test_a_filter_begins_inside_the_payload(path: str) -> None:
    assert list(filter_problems({path: "X"}, subject=PAYLOAD)) == []


@pytest.mark.parametrize(
    ("path", "value", "word"),
    [
        ("headers.x-count", 1, "A header is a text"),
        ("headers.x-count", None, "A header is a text"),
        ('headers["x-count"]', ["a"], "A header is a text"),
        ("query.page", 1, "A query parameter is a text"),
        ("query.tag[0]", True, "A query parameter is a text"),
        ("method", "post", "upper case"),
        ("method", 1, "upper case"),
    ],
)
def test_a_value_that_no_payload_has_is_refused(path: str, value: object, word: str) -> None:
    ((refused, reason),) = filter_problems({path: value}, subject=PAYLOAD)
    assert refused == path
    assert word in reason


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("headers.x-count", "1"),
        ("query.tag", ["a", "b"]),
        ("query.page", "1"),
        ("method", "POST"),
        ("body.n", 1),
        ("bodyProblem", None),
    ],
)
def test_a_value_that_a_payload_may_have_is_taken(path: str, value: object) -> None:
    assert list(filter_problems({path: value}, subject=PAYLOAD)) == []


@pytest.mark.parametrize(
    ("path", "instead"),
    [
        ("payload.body.ref", "body.ref"),
        ("trigger.payload.body.ref", "body.ref"),
        ("data.country", "body.data.country"),
        ("ref", "body.ref"),
        ("headers.X-GitHub-Event", "headers.x-github-event"),
        ("event.data.x", "body.event.data.x"),
        ("trigger.payload", "body"),
    ],
)
def test_a_path_that_no_payload_has_names_the_one_that_is_meant(path: str, instead: str) -> None:
    ((refused, reason),) = filter_problems({path: 1}, subject=PAYLOAD)
    assert refused == path
    assert reason.endswith(f"Write {instead}")


def test_a_comparison_is_an_expression() -> None:
    ((_, reason),) = filter_problems({"body.total": {"$gt": 5}}, subject=PAYLOAD)
    assert "payload.body.total > 5.0" in reason


def test_filters_read_what_a_workflow_gets() -> None:
    assert filters_hold({"body.ref": "refs/heads/main", "query.tag[1]": "b", "body.total": 120.0}, DELIVERY)
    assert not filters_hold({"body.total": "120"}, DELIVERY)
    assert not filters_hold({"query.tag": "a"}, DELIVERY)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("payload.body.total > 100", True),
        ('payload.body["First Name"].startsWith("A") && payload.method == "POST"', True),
        ('payload.headers["x-github-event"] in ["push", "ping"]', True),
        ("has(payload.body.missing)", False),
        ("payload.query.env == 'test'", False),
    ],
)
def test_a_condition_on_a_payload(text: str, expected: bool) -> None:
    assert problems_of(text, subject=PAYLOAD) == ()
    assert Expression(text, subject=PAYLOAD).holds(DELIVERY) is expected


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("event.data.total > 1", "a condition can use: payload"),
        ("body.total > 1", "a condition can use: payload"),
        ("payload.body.total", "payload.body.total == true"),
        ("has(payload)", "has(payload.body.total)"),
        ("payload.body.name.startswith('a')", "startsWith"),
        ("1 + 1", "payload.body.total > 100"),
    ],
)
def test_a_slip_is_refused_with_an_example_of_its_kind(text: str, word: str) -> None:
    assert word in " ".join(problems_of(text, subject=PAYLOAD))


@pytest.mark.parametrize(
    ("text", "instead"),
    [
        ("payload.boddy.a == 1", "no payload has a field 'boddy'; write payload.body.boddy.a"),
        ("has(payload.ref)", "no payload has a field 'ref'; write payload.body.ref"),
        ("payload.data.total > 100", "write payload.body.data.total"),
        ("payload.headers['X-GitHub-Event'] == 'push'", "write payload.headers.x-github-event"),
        ('payload.headers["X-A"] == "a" || payload.body.a == 1', "in lower case here"),
    ],
)
def test_a_condition_on_what_no_payload_has_is_refused_with_the_path_that_is_meant(
    text: str, instead: str
) -> None:
    (problem,) = problems_of(text, subject=PAYLOAD)
    assert instead in problem
    # What was saved before is evaluated as before.
    Expression(text, subject=PAYLOAD)


def test_a_condition_names_the_paths_that_it_reads() -> None:
    text = "has(payload.body.a) && payload.body.lines[0].sku == payload.headers['x-a']"
    assert paths_in(text, subject=PAYLOAD) == (("body", "lines", "0", "sku"), ("headers", "x-a"))


def test_what_has_no_bound_is_refused_for_payloads_too() -> None:
    with pytest.raises(ExpressionError):
        Expression("payload.body.lines.map(x, x) == []", subject=PAYLOAD)
