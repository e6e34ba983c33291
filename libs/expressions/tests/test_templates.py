"""What is found in a template, and where."""

import contextlib
import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trigger_expressions import Choice, Literal, TemplateError, choices_in, parts
from trigger_paths import format_path


def only(template: str) -> str | Choice:
    (part,) = parts(template)
    return part


def refusal(template: Any) -> str:
    ((_, error),) = choices_in(template)
    assert isinstance(error, TemplateError)
    return str(error)


def test_texts_and_choices_come_in_order() -> None:
    assert parts("") == []
    assert parts("plain } text {") == ["plain } text {"]
    assert parts("{{ trigger.payload }}") == [(("trigger", "payload"),)]
    assert parts("a {{nodes.x.output[0]}}{{execution.id}} b") == [
        "a ",
        (("nodes", "x", "output", "0"),),
        (("execution", "id"),),
        " b",
    ]


@pytest.mark.parametrize(
    ("template", "path"),
    [
        ('{{trigger.payload["First Name"]}}', ("trigger", "payload", "First Name")),
        ("{{ trigger.payload['a}}b'].c }}", ("trigger", "payload", "a}}b", "c")),
        ('{{trigger["payload"][0]}}', ("trigger", "payload", "0")),
        ('{{nodes["a.b"].output}}', ("nodes", "a.b", "output")),
    ],
)
def test_a_key_in_quotes_holds_any_character(template: str, path: tuple[str, ...]) -> None:
    assert only(template) == (path,)
    assert list(choices_in(template)) == [("", (path,))]


@pytest.mark.parametrize(
    ("template", "choice"),
    [
        ('{{trigger.payload.a ?? "x"}}', (("trigger", "payload", "a"), Literal("x"))),
        (
            "{{trigger.id ?? nodes.a.output ?? null}}",
            (("trigger", "id"), ("nodes", "a", "output"), Literal(None)),
        ),
        ("{{trigger.id ?? -1.5e3}}", (("trigger", "id"), Literal(-1500.0))),
        ("{{trigger.id ??\n0}}", (("trigger", "id"), Literal(0))),
        ("{{trigger.id || false}}", (("trigger", "id"), Literal(False))),
        ('{{trigger.payload["a"]??true}}', (("trigger", "payload", "a"), Literal(True))),
        (r'{{"\"}}\u00e9"}}', (Literal('"}}é'),)),
    ],
)
def test_a_choice_has_operands(template: str, choice: Choice) -> None:
    assert only(template) == choice
    assert [type(part) for part in only(template)] == [type(part) for part in choice]


def test_literal_braces_are_written_as_a_text() -> None:
    assert parts("Dear {{'{{'}}customer}}") == ["Dear ", (Literal("{{"),), "customer}}"]
    assert only("{{'${{ github.ref }}'}}") == (Literal("${{ github.ref }}"),)


@pytest.mark.parametrize(
    ("template", "detail"),
    [
        ("Dear {{customer}}", "{{'{{'}}"),
        ("${{ github.ref }}", "{{'{{'}}"),
        ("{{", "without '}}'"),
        ("{{trigger.name", "{{'{{'}}"),
        ("{{}}", "empty path"),
        ('{{"a', "without '}}'"),
        ('{{"a}}', "begins with one of"),
        ("{{trigger..x}}", "trigger.x"),
        ("{{trigger x}}", "begins with one of"),
        ("{{$.trigger.id}}", "begins with one of"),
        ("{{trigger.payload.a/b}}", 'trigger.payload["a/b"]'),
        ("{{trigger.payload.labels.app.kubernetes.io/name}}", '["app.kubernetes.io/name"]'),
        ("{{trigger.payload.First Name}}", 'trigger.payload["First Name"]'),
        ("{{trigger.payload.list[-1]}}", "negative index"),
        ("{{trigger.payload.list[*]}}", "wildcard"),
        ('{{trigger.payload["a}}', "not closed"),
        ("{{trigger.payload.a | upper}}", "no functions"),
        ("{{= trigger.payload.a * 2 }}", "is an expression"),
        ('{{trigger.payload.a??"x"}}', "blanks around"),
        ("{{trigger.payload.a ?? }}", "before and after"),
        ("{{trigger.payload.a ?? b}}", "'b': a path begins with"),
        ("{{trigger.payload.a ?? 1e999}}", "larger than a number"),
        ("{{trigger.payload.a ?? 'x' 'y'}}", "begins with one of"),
        ("{{trigger.payload" + '["a"]' * 300 + "}}", "at most 1000"),
        ("{{trigger.payload" + ".a" * 800 + "}}", "at most 1000"),
    ],
)
def test_what_cannot_be_saved_is_refused_with_what_to_write(template: str, detail: str) -> None:
    assert detail in refusal(template)
    assert len(refusal(template)) < 500


@pytest.mark.parametrize("name", ["a/b", "it's", "a??b", "a|b", "$x", "(x)", "-1", "*"])
def test_what_earlier_releases_saved_is_still_read(name: str) -> None:
    assert only(f"{{{{ trigger.payload.{name} }}}}") == (("trigger", "payload", name),)


def test_every_place_is_named_by_its_pointer() -> None:
    given = {"a/b": ["x", "{{trigger.name}}"], "~": "{{", "n": 1}
    (first, choice), (second, error) = choices_in(given, pointer="/v")
    assert (first, choice) == ("/v/a~1b/1", (("trigger", "name"),))
    assert second == "/v/~0"
    assert isinstance(error, TemplateError)


BEFORE = re.compile(r"[^\s.\[\]{}]+(?:\.[^\s.\[\]{}]+|\[[0-9]+\])*")
ROOTS = ("execution", "nodes", "trigger", "workflow")


def parts_before(template: str) -> list[Any] | None:
    """The rule of the releases before ``??`` and quotes; ``None`` for a template that they refused."""
    pieces: list[Any] = []
    position = 0
    while (start := template.find("{{", position)) >= 0:
        end = template.find("}}", start + 2)
        text = template[start + 2 : end].strip()
        if end < 0 or BEFORE.fullmatch(text) is None:
            return None
        path = tuple(re.findall(r"[^.\[\]]+", text))
        if path[0] not in ROOTS:
            return None
        pieces += [template[position:start]] if start > position else []
        pieces.append((path,))
        position = end + 2
    return pieces + ([template[position:]] if position < len(template) else [])


PIECES = [*"'\"{}\\", "{{", "}}", "trigger", "nodes", ".a", "[0]", '["a b"]', "['", " ?? ", "??", "null"]


@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
def test_what_was_a_template_before_means_the_same(template: str) -> None:
    before = parts_before(template)
    try:
        now = parts(template)
    except TemplateError:
        assert before is None
        return
    if before is not None:
        assert now == before


@given(st.text() | st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
def test_every_text_is_a_template_or_refused(text: str) -> None:
    saved = [found for _, found in choices_in(text)]
    with contextlib.suppress(TemplateError):
        read = [part for part in parts(text) if isinstance(part, tuple)]
        assert any(isinstance(found, TemplateError) for found in saved) or saved == read


@given(st.lists(st.text(max_size=10), max_size=5), st.text(max_size=10))
def test_what_is_written_is_read_the_same(steps: list[str], default: str) -> None:
    path = ("trigger", *steps)
    template = "{{" + format_path(path) + " ?? " + json.dumps(default, ensure_ascii=False) + "}}"
    assert only(template) == (path, Literal(default))
    assert list(choices_in(template)) == [("", (path, Literal(default)))]
