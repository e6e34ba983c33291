"""What a definition may read: values that can never be are refused, with the place and what to write."""

from typing import Any

import msgspec
import pytest

from trigger_api.domain.definition_rules import field_errors_of
from trigger_contracts.definition import WorkflowDefinition
from trigger_validation import MAX_FIELD_ERRORS

EDGES = (("in", "a"), ("in", "b"), ("a", "a2"), ("a2", "o"), ("b", "o"))


def refused(*edges: tuple[str, str], **templates: Any) -> list[tuple[str, str]]:
    nodes: dict[str, Any] = {"in": {"type": "input"}, "o": {"type": "output", "config": {"value": 1}}}
    for name in ("a", "b", "a2", "lost", "x.y"):
        nodes[name] = {"type": "transform", "config": {"output": 1}}
    for name, template in templates.items():
        nodes[name] = {"type": "transform", "config": {"output": template}}
    definition = msgspec.convert(
        {
            "nodes": nodes,
            "edges": [{"source": source, "target": target} for source, target in (*EDGES, *edges)],
            "entryPoint": "in",
        },
        WorkflowDefinition,
    )
    place = "/definition/nodes/"
    return [(error.pointer.removeprefix(place), error.detail) for error in field_errors_of(definition)]


@pytest.mark.parametrize(
    "templates",
    [
        {"b": "{{nodes.a.output}}"},
        {"b": "{{nodes.a2.output ?? 'none'}}"},
        {"a2": "{{nodes.a.output}} {{nodes.in.output}}"},
        {"a2": "{{nodes.b.output.a.b}}", "b": "{{nodes.a.output[0]}}"},
        {"lost": "{{nodes.lost.output}}"},
        {"a": "Dear {{'{{'}}customer}}"},
        {"a": "{{trigger.payload.a ?? nodes.in.output['a b'] ?? 0}}"},
    ],
)
def test_what_may_have_a_value_is_accepted(templates: dict[str, Any]) -> None:
    assert refused(**templates) == []


@pytest.mark.parametrize(
    ("templates", "place", "detail"),
    [
        ({"a": ["{{nodes.a2.output}}"]}, "a/config/output/0", "'a2' runs after 'a'"),
        ({"a": "{{trigger.payload.x ?? nodes.a2.output}}"}, "a/config/output", "'a2' runs after 'a'"),
        ({"a": {"x": "{{nodes.a.output}}"}}, "a/config/output/x", "cannot read its own output"),
        ({"a": "{{nodes.lost.output}}"}, "a/config/output", "'lost' never runs"),
        ({"a": "{{nodes.gone.output}}"}, "a/config/output", "no node 'gone'"),
        ({"a": "{{nodes.x.y.output}}"}, "a/config/output", 'Write nodes["x.y"]'),
        ({"a": "{{nodes.in.ref}}"}, "a/config/output", "Write nodes.in.output.ref"),
        ({"a": "{{trigger.body.x}}"}, "a/config/output", "Write trigger.payload.body.x"),
        ({"a": "{{execution.start}}"}, "a/config/output", "There is execution.id"),
        ({"a": "Dear {{customer}}"}, "a/config/output", "{{'{{'}}"),
        ({"a": "{{trigger.payload.a/b}}"}, "a/config/output", 'trigger.payload["a/b"]'),
    ],
)
def test_what_can_never_have_a_value_is_refused(templates: dict[str, Any], place: str, detail: str) -> None:
    ((pointer, text),) = refused(**templates)
    assert pointer == place
    assert detail in text


def test_nodes_that_wait_for_each_other_are_refused_and_no_others() -> None:
    errors = refused(a="{{nodes.b.output}}", b="{{nodes.a.output}}", a2="{{nodes.b.output}}")
    assert [pointer for pointer, _ in errors] == ["a/config/output", "b/config/output"]
    assert all("wait for each other" in detail for _, detail in errors)


def test_a_definition_full_of_circles_is_checked_within_the_limit_of_a_test() -> None:
    all_of_some = [f"{{{{nodes.n{other}.output}}}}" for other in range(30)]
    readers = {f"n{number}": all_of_some for number in range(900)}
    errors = refused(*(("in", name) for name in readers), **readers)
    assert 0 < len(errors) <= MAX_FIELD_ERRORS
