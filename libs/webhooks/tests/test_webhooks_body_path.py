"""Paths into a JSON body."""

import pytest

from trigger_webhooks import body_path_of


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("id", ("id",)),
        ("data.id", ("data", "id")),
        ("items[0].id", ("items", 0, "id")),
        ("a[1][22].b-c", ("a", 1, 22, "b-c")),
        ("$", ("$",)),
        ("0", ("0",)),
        ("ä.ö", ("ä", "ö")),
    ],
)
def test_a_path_has_steps(text: str, path: tuple[str | int, ...]) -> None:
    assert body_path_of(text) == path


@pytest.mark.parametrize(
    "text",
    ["", ".", "a.", ".a", "a..b", "a[x]", "a[]", "[0]", "a[0]b", "a b", "a[1234567]", "a\u00a0b", "a\n"],
)
def test_what_is_not_a_path(text: str) -> None:
    assert body_path_of(text) is None
