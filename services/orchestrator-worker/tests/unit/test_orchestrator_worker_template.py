"""Templates: what a path finds, what a string becomes, what is refused."""

import contextlib
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_worker.domain.limits import MAX_DEPTH
from orchestrator_worker.domain.template import ValueTooLargeError, render
from trigger_contracts.workflow_io import MAX_VALUE_BYTES
from trigger_expressions import TemplateError, parts

SCOPE = {
    "trigger": {
        "payload": {
            "n": 7,
            "f": 1.0,
            "yes": True,
            "nothing": None,
            "text": "hello",
            "list": [{"sku": "a"}, {"sku": "b"}],
            "x-header": "h",
            "ключ": "value",
            "First Name": "Ann",
            "labels": {"app.kubernetes.io/name": "shop"},
            "fields": {"System.State": "New"},
            "zero": 0,
            "empty": "",
            "braces": "{{trigger.payload.n}}",
        },
        "name": "T",
    },
    "nodes": {"node-1": {"output": [1, 2]}},
    "execution": {"id": "e"},
    "workflow": {"id": "w"},
}

JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda children: st.lists(children, max_size=5) | st.dictionaries(st.text(), children, max_size=5),
    max_leaves=20,
)


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{trigger.payload.n}}", 7),
        ("{{ trigger.payload.n }}", 7),
        ("{{\ttrigger.payload.n\n}}", 7),
        ("{{trigger.payload.f}}", 1.0),
        ("{{trigger.payload.yes}}", True),
        ("{{trigger.payload.nothing}}", None),
        ("{{trigger.payload.list}}", [{"sku": "a"}, {"sku": "b"}]),
        ("{{trigger.payload.list[1].sku}}", "b"),
        ("{{trigger.payload.list.1.sku}}", "b"),
        ("{{trigger.payload.list[9].sku}}", None),
        ("{{trigger.payload.n.deeper}}", None),
        ("{{trigger.payload.x-header}}", "h"),
        ("{{trigger.payload.ключ}}", "value"),
        ("{{nodes.node-1.output[0]}}", 1),
        ("{{nodes.unknown.output}}", None),
        ("{{execution.id}}/{{workflow.id}}", "e/w"),
        ("n={{trigger.payload.n}}", "n=7"),
        ("{{trigger.payload.n}} ", "7 "),
        ("{{trigger.payload.n}}{{trigger.payload.n}}", "77"),
        ("[{{trigger.payload.nothing}}{{trigger.payload.missing}}]", "[]"),
        ("{{trigger.payload.yes}}!", "true!"),
        ("{{trigger.payload.f}}!", "1.0!"),
        ("{{trigger.payload.text}}!", "hello!"),
        ("-> {{trigger.payload.list}}", '-> [{"sku":"a"},{"sku":"b"}]'),
        ("{{trigger.payload.braces}}", "{{trigger.payload.n}}"),
        ("<{{trigger.payload.braces}}>", "<{{trigger.payload.n}}>"),
        ("plain", "plain"),
        ('{{trigger.payload["First Name"]}}', "Ann"),
        ("Dear {{trigger.payload['First Name']}}!", "Dear Ann!"),
        ('{{trigger.payload.labels["app.kubernetes.io/name"]}}', "shop"),
        ("{{trigger.payload.labels.app.kubernetes.io/name}}", "shop"),
        ("{{trigger.payload.fields.System.State}}", "New"),
        ("{{trigger.payload.fields.System.Id}}", None),
        ('{{trigger.payload.missing ?? "x"}}', "x"),
        ("{{trigger.payload.nothing ?? trigger.payload.missing ?? trigger.payload.n}}", 7),
        ("{{trigger.payload.zero ?? 9}}", 0),
        ('{{trigger.payload.empty ?? "x"}}', ""),
        ("{{trigger.payload.missing ?? null}}", None),
        ("n={{trigger.payload.missing ?? 1.5}}", "n=1.5"),
        ("Dear {{'{{'}}customer}}", "Dear {{customer}}"),
        ("{{'${{ github.ref }}'}}", "${{ github.ref }}"),
        ("", ""),
        ("}} { {", "}} { {"),
        ("{not}", "{not}"),
        ({"{{trigger.name}}": "{{trigger.name}}"}, {"{{trigger.name}}": "T"}),
        ([1, None, False, ["{{trigger.name}}"]], [1, None, False, ["T"]]),
        (None, None),
        (3.5, 3.5),
    ],
)
def test_rendering(template: Any, expected: Any) -> None:
    found = render(template, scope=SCOPE)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("{{", "without"),
        ("a {{trigger.name", "without"),
        ("{{trigger.name}} {{", "without"),
        ("{{trigger.name} }", "without"),
        ("{{}}", "empty path"),
        ("{{   }}", "empty path"),
        ("{{payload.n}}", "begins with one of"),
        ("{{trigger..name}}", "Name every step: trigger.name"),
        ("{{trigger.}}", "ends with a dot"),
        ("{{.trigger}}", "begins with one of"),
        ("{{trigger.payload.list[x]}}", "Write "),
        ("{{trigger.payload.list[-1]}}", "negative index"),
        ("{{trigger.payload.list[]}}", "empty brackets"),
        ("{{[0]}}", "begins with one of"),
        ("{{trigger name}}", "begins with one of"),
        ("{{ {{trigger.name}} }}", "begins with one of"),
        ({"deep": ["{{"]}, "without"),
    ],
)
def test_syntax_errors(template: Any, reason: str) -> None:
    with pytest.raises(TemplateError, match=reason) as caught:
        render(template, scope=SCOPE)
    assert len(str(caught.value)) < 300


def test_errors_quote_little() -> None:
    with pytest.raises(TemplateError) as caught:
        render("{{" + "x" * 100_000, scope=SCOPE)
    assert len(str(caught.value)) < 300


@given(JSON_VALUES)
def test_a_template_without_expressions_is_itself(value: Any) -> None:
    if b"{{" not in msgspec.json.encode(value):
        assert render(value, scope=SCOPE) == value


@given(JSON_VALUES)
def test_a_whole_expression_keeps_the_value(value: Any) -> None:
    scope = {"trigger": {"payload": value}}
    assert render("{{trigger.payload}}", scope=scope) is value
    text = render(" {{trigger.payload}}", scope=scope)
    if value is None:
        assert text == " "
    elif isinstance(value, str):
        assert text == f" {value}"
    else:
        assert msgspec.json.decode(text) == value


@given(st.text(alphabet="{}ab. []019-_\n", max_size=40))
def test_every_string_renders_or_is_refused(text: str) -> None:
    with contextlib.suppress(TemplateError):
        render(text, scope=SCOPE)


@given(st.lists(st.text(alphabet="abc-é_0", min_size=1), min_size=1, max_size=5))
def test_paths_come_apart_as_they_were_put_together(segments: list[str]) -> None:
    assert parts("{{ trigger." + ".".join(segments) + " }}") == [(("trigger", *segments),)]


def test_brackets_are_segments() -> None:
    assert parts("{{nodes.a[0][12].b.3}}") == [(("nodes", "a", "0", "12", "b", "3"),)]


def test_many_references_to_a_large_value_are_refused_before_they_are_built() -> None:
    scope = {"trigger": {"payload": "x" * 1_000_000}}
    for template in (["{{trigger.payload}}"] * 100_000, "{{trigger.payload}}" * 100_000):
        with pytest.raises(ValueTooLargeError):
            render(template, scope=scope)


def test_the_size_of_the_result_counts() -> None:
    assert render("{{trigger.payload}}", scope={"trigger": {"payload": "x" * (MAX_VALUE_BYTES - 2)}})
    with pytest.raises(ValueTooLargeError):
        render("{{trigger.payload}}", scope={"trigger": {"payload": "x" * (MAX_VALUE_BYTES - 1)}})
    with pytest.raises(ValueTooLargeError):
        render("y" * MAX_VALUE_BYTES, scope={})


def test_depth_is_bounded_without_recursion() -> None:
    deep: Any = "{{trigger.payload}}"
    for _ in range(MAX_DEPTH):
        deep = [deep]
    assert render(deep, scope={"trigger": {"payload": 1}})
    with pytest.raises(ValueTooLargeError, match="nests deeper"):
        render(deep, scope={"trigger": {"payload": []}})
    with pytest.raises(ValueTooLargeError, match="nests deeper"):
        render([deep], scope={"trigger": {"payload": 1}})
    very: Any = 1
    for _ in range(100_000):
        very = [very]
    with pytest.raises(ValueTooLargeError, match="nests deeper"):
        render(very, scope={})
