"""Filters and conditions on the payload of a webhook's delivery."""

import pytest

from trigger_expressions import (
    PAYLOAD,
    Expression,
    ExpressionError,
    filter_problems,
    filters_hold,
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
    assert list(filter_problems({path: "x"}, subject=PAYLOAD)) == []


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


def test_what_has_no_bound_is_refused_for_payloads_too() -> None:
    with pytest.raises(ExpressionError):
        Expression("payload.body.lines.map(x, x) == []", subject=PAYLOAD)
