"""What stands at a path."""

from typing import Any

import pytest

from trigger_paths import MISSING, parse_path, value_at

FORM = {"First Name": "Ann", "a": {"b": None}, "l": [{"id": 1}, [2]], "0": "zero"}
WORK_ITEM = {"fields": {"System.State": "New", "System.Id.Text": "7", "a": {"b": 1}, "a.b": 2}}


@pytest.mark.parametrize(
    ("path", "value", "found"),
    [
        ('["First Name"]', FORM, "Ann"),
        ("a.b", FORM, None),
        ("a.c", FORM, MISSING),
        ("a.b.c", FORM, MISSING),
        ("l[0].id", FORM, 1),
        ("l.0.id", FORM, 1),
        ("l.00.id", FORM, 1),
        ("l[1][0]", FORM, 2),
        ("l[2]", FORM, MISSING),
        ("l.length", FORM, MISSING),
        ("[0]", FORM, "zero"),
        ("0", FORM, "zero"),
        ("[0].id", [{"id": 5}], 5),
        ("a", "text", MISSING),
        ("a", None, MISSING),
        # A key with dots: as a sender writes it, and quoted.
        ("fields.System.State", WORK_ITEM, "New"),
        ('fields["System.State"]', WORK_ITEM, "New"),
        ("fields.System.Id.Text", WORK_ITEM, "7"),
        ("fields.System.Id", WORK_ITEM, MISSING),
        ("fields.a.b", WORK_ITEM, 1),
        ('fields["a.b"]', WORK_ITEM, 2),
    ],
)
def test_what_a_path_finds(path: str, value: Any, found: Any) -> None:
    assert value_at(value, parse_path(path)) == found


@pytest.mark.parametrize("step", ["1_0", " 1", "+1", "-1", "\u0660", "9" * 5000])
def test_only_plain_digits_are_an_index(step: str) -> None:
    assert value_at([0, 1], (step,)) is MISSING


def test_a_path_of_any_length_takes_time_in_proportion() -> None:
    assert value_at({"a": {}}, ("a",) * 300_000) is MISSING
    assert value_at({"x" * 100: 1}, ("x" * 100,) * 100_000) is MISSING
