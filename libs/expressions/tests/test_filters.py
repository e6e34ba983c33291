"""The paths of event filters."""

import pytest

from trigger_expressions import filter_path


def test_a_path_is_its_segments() -> None:
    assert filter_path("data.lines.0.sku") == ("data", "lines", "0", "sku")


@pytest.mark.parametrize("text", ["", ".", "data.", ".data", "a..b", "a b", "lines[0]"])
def test_other_texts_are_not_paths(text: str) -> None:
    assert filter_path(text) is None
