"""What is found in a template, and where."""

import pytest

from trigger_expressions import TemplateError, parts, paths_in


def test_texts_and_paths_come_in_order() -> None:
    assert parts("") == []
    assert parts("plain } text {") == ["plain } text {"]
    assert parts("{{ trigger.payload }}") == [("trigger", "payload")]
    assert parts("a {{nodes.x.output[0]}}{{execution.id}} b") == [
        "a ",
        ("nodes", "x", "output", "0"),
        ("execution", "id"),
        " b",
    ]


@pytest.mark.parametrize("broken", ["{{", "{{}}", "{{payload}}", "{{trigger..x}}", "{{trigger x}}"])
def test_what_is_no_template_is_an_error(broken: str) -> None:
    with pytest.raises(TemplateError):
        parts(f"text {broken}")


def test_every_place_is_named_by_its_pointer() -> None:
    found = list(paths_in({"a/b": ["x", "{{trigger.name}}"], "~": "{{", "n": 1}, pointer="/v"))
    (first, path), (second, error) = found
    assert (first, path) == ("/v/a~1b/1", ("trigger", "name"))
    assert second == "/v/~0"
    assert isinstance(error, TemplateError)
