"""Definitions: the order of nodes, their values, the outputs."""

import random
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_worker.domain.interpreter import InterpretationError, interpret, running_order
from trigger_contracts.config import TriggerType
from trigger_contracts.definition import WorkflowDefinition
from trigger_contracts.executions import Cause, CauseKind, Execution
from trigger_expressions import FIELDS

EXECUTION = Execution(
    id=UUID(int=1),
    workspace="acme",
    trigger_id=UUID(int=2),
    trigger_type=TriggerType.WEBHOOK,
    trigger_name="Push",
    workflow_id=UUID(int=3),
    cause=Cause(kind=CauseKind.DELIVERY, id="d"),
    accepted_at=datetime(2026, 1, 1, tzinfo=UTC),
)


def transform(template: Any) -> dict[str, Any]:
    return {"type": "transform", "config": {"output": template}}


def output(template: Any) -> dict[str, Any]:
    return {"type": "output", "config": {"value": template}}


def definition(nodes: dict[str, Any], *edges: tuple[str, str], entry: str = "in") -> WorkflowDefinition:
    return msgspec.convert(
        {
            "nodes": nodes,
            "edges": [{"source": source, "target": target} for source, target in edges],
            "entryPoint": entry,
        },
        WorkflowDefinition,
    )


def run(nodes: dict[str, Any], *edges: tuple[str, str], payload: Any = None, entry: str = "in") -> Any:
    return interpret(definition(nodes, *edges, entry=entry), execution=EXECUTION, payload=payload)


IN: dict[str, Any] = {"type": "input", "name": "Input", "position": {"x": 1}, "config": {}}


def test_the_documented_example() -> None:
    found = run(
        {
            "in": IN,
            "pick": transform(
                {
                    "branch": "{{trigger.payload.body.ref}}",
                    "by": "{{trigger.payload.body.pusher.name}}",
                }
            ),
            "out": output("{{nodes.pick.output}}"),
        },
        ("in", "pick"),
        ("pick", "out"),
        payload={"body": {"ref": "refs/heads/main", "pusher": {"name": "octocat"}}},
    )
    assert found == {"branch": "refs/heads/main", "by": "octocat"}


def test_what_templates_see() -> None:
    found = run(
        {
            "in": IN,
            "out": output(
                "{{trigger.id}} {{trigger.type}} {{trigger.name}} {{execution.id}} {{workflow.id}} "
                "{{nodes.in.output.a}}"
            ),
        },
        ("in", "out"),
        payload={"a": 5},
    )
    assert found == f"{UUID(int=2)} webhook Push {UUID(int=1)} {UUID(int=3)} 5"


def test_outputs() -> None:
    assert run({"in": IN}, payload=1) is None
    assert run({"in": IN, "a": output(1), "b": output([2])}, ("in", "a"), ("in", "b")) == {"a": 1, "b": [2]}
    assert run({"in": IN, "a": output(None)}, ("in", "a")) is None


def test_only_what_is_reachable_runs() -> None:
    nodes = {"in": IN, "out": output("{{nodes.lost.output}}"), "lost": transform("{{"), "end": output(1)}
    assert run(nodes, ("in", "out"), ("lost", "out"), ("lost", "end")) is None


def test_a_node_runs_after_all_of_its_predecessors() -> None:
    found = run(
        {
            "in": IN,
            "join": output(["{{nodes.short.output}}", "{{nodes.long2.output}}"]),
            "short": transform("s"),
            "long": transform("l"),
            "long2": transform("{{nodes.long.output}}2"),
        },
        *[("in", "short"), ("in", "long"), ("short", "join"), ("long", "long2"), ("long2", "join")],
    )
    assert found == ["s", "l2"]


@pytest.mark.parametrize(
    ("edges", "entry", "reason"),
    [
        ([("in", "a"), ("a", "b"), ("b", "a")], "in", "cycle"),
        ([("in", "in")], "in", "cycle"),
        ([("in", "nowhere")], "in", "unknown node"),
        ([("nowhere", "in")], "in", "unknown node"),
        ([], "nowhere", "entry point"),
    ],
)
def test_definitions_that_are_no_graph(edges: list[tuple[str, str]], entry: str, reason: str) -> None:
    with pytest.raises(InterpretationError, match=reason) as caught:
        run({"in": IN, "a": transform(1), "b": transform(1)}, *edges, entry=entry)
    assert (caught.value.code, caught.value.node) == ("definition_invalid", None)


def test_a_failing_node_is_named() -> None:
    with pytest.raises(InterpretationError) as caught:
        run({"in": IN, "bad": transform("{{oops}}"), "out": output(1)}, ("in", "bad"), ("bad", "out"))
    assert (caught.value.code, caught.value.node) == ("template_invalid", "bad")


def test_values_that_double_from_node_to_node_are_refused_in_time() -> None:
    names = [f"n{number}" for number in range(999)]
    nodes: dict[str, Any] = {"in": IN, "n0": transform("x" * 1000)}
    for before, name in pairwise(names):
        nodes[name] = transform([f"{{{{nodes.{before}.output}}}}"] * 2)
    with pytest.raises(InterpretationError) as caught:
        run(nodes, ("in", "n0"), *pairwise(names))
    assert caught.value.code == "value_too_large"


def test_values_that_deepen_from_node_to_node_are_refused() -> None:
    names = [f"n{number}" for number in range(999)]
    nodes: dict[str, Any] = {"in": IN, "n0": transform([])}
    for before, name in pairwise(names):
        nodes[name] = transform([f"{{{{nodes.{before}.output}}}}"])
    with pytest.raises(InterpretationError) as caught:
        run(nodes, ("in", "n0"), *pairwise(names))
    assert (caught.value.code, caught.value.node) == ("value_too_large", "n200")


def test_all_values_together_are_bounded() -> None:
    nodes: dict[str, Any] = {"in": IN} | {
        f"n{number}": transform("{{trigger.payload}}") for number in range(999)
    }
    with pytest.raises(InterpretationError) as caught:
        run(nodes, *(("in", f"n{number}") for number in range(999)), payload="x" * 1_000_000)
    assert caught.value.code == "value_too_large"
    with pytest.raises(InterpretationError) as caught:
        wide = {"in": IN} | {f"n{number}": output("{{trigger.payload}}") for number in range(3)}
        run(wide, *(("in", f"n{number}") for number in range(3)), payload="x" * 1_000_000)
    assert (caught.value.code, caught.value.node) == ("value_too_large", None)


@given(st.integers(1, 30), st.data())
def test_the_order_respects_every_edge_and_does_not_change(size: int, data: st.DataObject) -> None:
    names = [f"n{number}" for number in range(size)]
    pairs = [(a, b) for number, a in enumerate(names) for b in names[number + 1 :]]
    edges = data.draw(st.lists(st.sampled_from(pairs), max_size=60)) if pairs else []
    random.Random(size).shuffle(edges)
    chosen = definition({name: transform(1) for name in names}, *edges, entry="n0")
    order = running_order(chosen)
    assert order == running_order(chosen)
    place = {name: number for number, name in enumerate(order)}
    assert order[0] == "n0"
    for source, target in edges:
        if source in place:
            assert place[source] < place[target]


def test_a_node_may_hand_on_all_nodes_and_does_not_come_to_hold_itself() -> None:
    found = run(
        {"in": IN, "all": transform("{{nodes}}"), "out": output({"before": "{{nodes}}"})},
        ("in", "all"),
        ("all", "out"),
        payload=1,
    )
    assert found == {"before": {"in": {"output": 1}, "all": {"output": {"in": {"output": 1}}}}}


def test_a_node_comes_after_those_that_it_reads() -> None:
    nodes = {
        "in": IN,
        "b": transform("saw {{nodes['the a'].output ?? 'nothing'}}"),
        "w": transform(1),
        "the a": transform("late"),
        "o": output("{{nodes.b.output}}"),
    }
    edges = [("in", "b"), ("in", "w"), ("w", "the a"), ("the a", "o"), ("b", "o")]
    assert run(nodes, *edges) == "saw late"


def test_a_read_is_no_reason_to_run() -> None:
    nodes = {"in": IN, "lost": transform(1), "o": output("{{nodes.lost.output}}")}
    assert running_order(definition(nodes, ("in", "o"))) == ["in", "o"]


def test_what_was_stored_and_reads_in_a_circle_reads_nothing() -> None:
    nodes = {
        "in": transform("{{nodes.o.output}}"),
        "self": transform("{{nodes.self.output}}"),
        "a": transform("{{nodes.b.output}}"),
        "b": transform("{{nodes.a.output}}"),
        "c": transform("{{nodes.d.output}}"),
        "d": transform("d"),
        "o": output([f"{{{{nodes.{name}.output}}}}" for name in ("self", "a", "b", "c")]),
    }
    middle = ("self", "a", "b", "c", "d")
    edges = [("in", name) for name in middle] + [(name, "o") for name in middle]
    assert run(nodes, *edges) == [None, None, None, None]
    del nodes["in"]
    assert run({**nodes, "in": IN}, *edges) == [None, None, None, "d"], "only the circle is null"


def test_templates_see_what_the_rules_of_references_name() -> None:
    seen = run({"in": IN, "o": output({root: f"{{{{{root}}}}}" for root in FIELDS})}, ("in", "o"))
    assert {root: set(seen[root]) for root in seen} == {root: set(FIELDS[root]) for root in FIELDS}
