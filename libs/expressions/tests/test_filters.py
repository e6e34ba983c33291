"""Event filters: what holds, and what could never hold."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trigger_expressions import filter_problems, filters_hold, json_equal

EVENT = {
    "type": "a",
    "data": {
        "country": "NL",
        "n": 1,
        "First Name": "Ann",
        "lines": [{"sku": "a"}],
        "labels": {"app.kubernetes.io/name": "shop"},
        "_id": {"$oid": "5"},
    },
}


@pytest.mark.parametrize(
    ("filters", "holds"),
    [
        ({}, True),
        ({"type": "a", "data.country": "NL"}, True),
        ({"type": "a", "data.country": "DE"}, False),
        ({"data.n": 1.0}, True),
        ({"data.n": True}, False),
        ({"data.missing": None}, False),
        ({"data.lines.0.sku": "a"}, True),
        ({"data.lines[0].sku": "a"}, True),
        ({'data["First Name"]': "Ann"}, True),
        ({'data.labels["app.kubernetes.io/name"]': "shop"}, True),
        ({"data.labels.app.kubernetes.io/name": "shop"}, True),
        ({"data._id": {"$oid": "5"}}, True),
        ({"data.*": "NL"}, False),
        ({"a b": 1}, False),
        ({"": 1}, False),
    ],
)
def test_filters_hold_where_every_value_is_there(filters: dict[str, Any], holds: bool) -> None:
    assert filters_hold(filters, EVENT) is holds


@pytest.mark.parametrize(
    ("filters", "detail"),
    [
        ({"data.metadata.labels.app.kubernetes.io/name": "x"}, '["app.kubernetes.io/name"]'),
        ({"data.a\\.b": 1}, 'data["a.b"]'),
        ({"data.tags.*": 1}, "wildcard"),
        ({"$.data.id": 1}, "Leave out the '$': data.id"),
        ({"/data/id": 1}, "Write data.id"),
        ({"data..id": 1}, "data.id"),
        ({"a b": 1}, '["a b"]'),
        ({"event.data.id": 1}, "Write data.id"),
        ({"order.id": 1}, "Write data.order.id"),
        ({"[0].id": 1}, "Only data has parts"),
        ({"orderId": 1}, "Write data.orderId"),
        ({"$or": [{"data.a": 1}]}, "No event has an attribute"),
        ({"data.total": {"$gt": 5}}, "event.data.total > 5.0"),
        ({"data.total": {"$in": [1], "x": 1}}, "has no $in"),
        ({"data.a": 1, 'data["a"]': 2}, "the same path"),
    ],
)
def test_a_filter_that_never_holds_is_refused(filters: dict[str, Any], detail: str) -> None:
    ((path, reason),) = filter_problems(filters)
    assert path in filters
    assert detail in reason


def test_what_may_hold_is_not_refused() -> None:
    filters = {"type": "a", "data": {}, "data_base64": "", "partitionkey": 1, "data.x": {"$oid": 1}}
    assert list(filter_problems(filters | {"data.a": 1, "data['a']": 1.0})) == []


@given(st.integers(-(2**70), 2**70))
def test_whole_and_broken_numbers_mean_the_same(number: int) -> None:
    same = number == int(float(number))
    assert json_equal(number, float(number)) is same
    assert filters_hold({"data.n": float(number)}, {"data": {"n": number}}) is same
