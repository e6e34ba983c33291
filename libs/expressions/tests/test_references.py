"""Which nodes are read, and which values can never be."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trigger_expressions import circles, missing_value_reason, nodes_read


def test_every_node_that_is_read_is_found() -> None:
    template: Any = {
        "a": ["{{nodes.x.output}} {{trigger.id}}", "{{trigger.id ?? nodes['y z'].output}}"],
        "b": "{{nodes}}",
    }
    assert set(nodes_read(template)) == {"x", "y z"}
    assert not nodes_read("{{nodes.x.output}} {{")


@pytest.mark.parametrize(
    ("path", "detail"),
    [
        ("trigger.body", "Write trigger.payload.body"),
        ("trigger.headers.x", "Write trigger.payload.headers.x"),
        ("trigger.name.first", "has no parts"),
        ("execution.workflow", "There is execution.id"),
        ("workflow.id.x", "has no parts"),
        ("nodes.a.ref", "Write nodes.a.output.ref"),
        ("nodes.a.output", None),
        ("nodes.a", None),
        ("nodes", None),
        ("trigger.payload.a.b", None),
        ("trigger", None),
        ("execution.id", None),
    ],
)
def test_a_value_that_no_execution_has(path: str, detail: str | None) -> None:
    reason = missing_value_reason(tuple(path.split(".")))
    assert reason is None if detail is None else detail in str(reason)


GRAPHS = st.dictionaries(st.sampled_from("abcdef"), st.lists(st.sampled_from("abcdef"), max_size=4))


@given(GRAPHS)
def test_nodes_of_one_circle_lead_to_each_other(edges: dict[str, list[str]]) -> None:
    graph = {node: edges.get(node, []) for node in "abcdef"}

    def leads(start: str, end: str) -> bool:
        reached, ahead = set[str](), [start]
        while ahead:
            node = ahead.pop()
            if node == end:
                return True
            if node not in reached:
                reached.add(node)
                ahead.extend(graph[node])
        return False

    circle = circles(graph)
    for one in graph:
        for other in graph:
            assert (circle[one] == circle[other]) is (leads(one, other) and leads(other, one))
