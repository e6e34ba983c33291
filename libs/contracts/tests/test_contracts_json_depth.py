"""How deep values and texts nest: the same, whichever is counted."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trigger_contracts.json_depth import nesting, nesting_of_text


@pytest.mark.parametrize(
    ("value", "depth"),
    [
        (1, 0),
        ("x", 0),
        ('["[{', 0),
        ([], 1),
        ({}, 1),
        ([{}, [[]]], 3),
        ({"a": {"b": [1]}}, 3),
        ({"]}": ['\\"[', []]}, 3),
    ],
)
def test_nesting(value: Any, depth: int) -> None:
    assert nesting(value) == depth
    assert nesting_of_text(msgspec.json.encode(value)) == depth


def test_depth_costs_no_stack() -> None:
    value: Any = []
    for _ in range(99_999):
        value = [value]
    assert nesting(value) == 100_000
    assert nesting_of_text(b"[" * 100_000 + b"]" * 100_000) == 100_000
    while value:
        value = value.pop()  # for Python frees nested lists recursively


@given(
    st.recursive(
        st.none() | st.text(alphabet='[]{}"\\a'),
        lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text('[]"a'), below, max_size=3),
    )
)
def test_the_text_and_the_value_agree(value: Any) -> None:
    assert nesting_of_text(msgspec.json.encode(value)) == nesting(value)
