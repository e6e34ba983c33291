"""Runs a definition: pure and deterministic, so that a workflow can be replayed from its history."""

from collections import deque
from typing import Any, Final, assert_never

from orchestrator_worker.domain.template import Scope, ValueTooLargeError, render
from trigger_contracts.definition import InputNode, Node, OutputNode, TransformNode, WorkflowDefinition
from trigger_contracts.executions import Execution
from trigger_contracts.workflow_io import MAX_VALUE_BYTES, encoded_size
from trigger_expressions import TemplateError, circles, nodes_read

DEFINITION_INVALID: Final = "definition_invalid"
TEMPLATE_INVALID: Final = "template_invalid"
VALUE_TOO_LARGE: Final = "value_too_large"

MAX_WORK_BYTES: Final = 16 * 1024 * 1024
"""All values of one execution together, about a second of work at worst: Temporal gives up on a workflow task
that thinks for two."""


class InterpretationError(Exception):
    """The execution fails. ``code`` is for programs; ``node`` is the id of the failed node, if one failed."""

    def __init__(self, code: str, *, message: str, node: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.node = node


def interpret(definition: WorkflowDefinition, *, execution: Execution, payload: Any) -> Any:
    """Return the outputs: the value of the output node that was reached.

    Several reached output nodes give an object of their values by node id, none gives ``None``.
    Raises ``InterpretationError``.
    """
    scope = _scope(execution, payload=payload)
    outputs: dict[str, Any] = {}
    work = 0
    for node_id in running_order(definition):
        node = definition.nodes[node_id]
        value = _run(node, node_id=node_id, payload=payload, scope=scope)
        # A new dictionary each time: a node may hand on all of "nodes", and must not come to hold itself.
        scope["nodes"] = {**scope["nodes"], node_id: {"output": value}}
        if isinstance(node, OutputNode):
            outputs[node_id] = value
        if not isinstance(node, InputNode):
            work += encoded_size(value)
        if work > MAX_WORK_BYTES:
            message = f"the values of all nodes are larger than {MAX_WORK_BYTES} bytes together"
            raise InterpretationError(VALUE_TOO_LARGE, message=message, node=node_id)
    return _outputs(outputs)


def running_order(definition: WorkflowDefinition) -> list[str]:
    """Return the nodes reachable from the entry point, each after all of its reachable predecessors.

    A node also comes after those that its templates read, but for what would make a circle: that is ``null``.

    Nodes that are free to run at the same time come in the order in which they became free. Raises
    ``InterpretationError`` where the definition is not a directed acyclic graph of its nodes.
    """
    targets = _targets(definition)
    reachable = _reachable(definition.entry_point, targets=targets)
    targets = _with_reads(definition, targets={node_id: targets[node_id] for node_id in reachable})
    waiting_for = dict.fromkeys(reachable, 0)
    for node_id in reachable:
        for target in targets[node_id]:
            waiting_for[target] += 1
    free = deque(node_id for node_id in reachable if not waiting_for[node_id])
    order: list[str] = []
    while free:
        node_id = free.popleft()
        order.append(node_id)
        for target in targets[node_id]:
            waiting_for[target] -= 1
            if not waiting_for[target]:
                free.append(target)
    if len(order) < len(reachable):
        raise InterpretationError(DEFINITION_INVALID, message="the edges form a cycle")
    return order


def _targets(definition: WorkflowDefinition) -> dict[str, dict[str, None]]:
    """Dictionaries for sets: their order is that of the definition, so that each replay runs alike."""
    targets: dict[str, dict[str, None]] = {node_id: {} for node_id in definition.nodes}
    for edge in definition.edges:
        for end in (edge.source, edge.target):
            if end not in targets:
                raise InterpretationError(
                    DEFINITION_INVALID, message=f"an edge names an unknown node: {end!r}"
                )
        targets[edge.source][edge.target] = None
    if definition.entry_point not in targets:
        message = f"the entry point is an unknown node: {definition.entry_point!r}"
        raise InterpretationError(DEFINITION_INVALID, message=message)
    return targets


def _reachable(entry_point: str, *, targets: dict[str, dict[str, None]]) -> list[str]:
    reached = {entry_point: None}
    ahead = deque([entry_point])
    while ahead:
        for target in targets[ahead.popleft()]:
            if target not in reached:
                reached[target] = None
                ahead.append(target)
    return list(reached)


def _with_reads(
    definition: WorkflowDefinition, *, targets: dict[str, dict[str, None]]
) -> dict[str, dict[str, None]]:
    """Return the graph with an edge from each node that is read to its reader, where that makes no circle."""
    reads = [
        (read, reader)
        for reader in targets
        for read in nodes_read(_template_of(definition.nodes[reader]))
        if read in targets
    ]
    after = {node_id: dict(following) for node_id, following in targets.items()}
    for read, reader in reads:
        after[read][reader] = None
    circle = circles(after)
    ordered = {node_id: dict(following) for node_id, following in targets.items()}
    for read, reader in reads:
        if circle[read] != circle[reader]:
            ordered[read][reader] = None
    return ordered


def _template_of(node: Node) -> Any:
    match node:
        case InputNode():
            return None
        case TransformNode():
            return node.config.output
        case OutputNode():
            return node.config.value
        case _:
            assert_never(node)


def _run(node: Node, *, node_id: str, payload: Any, scope: Scope) -> Any:
    try:
        match node:
            case InputNode():
                return payload
            case TransformNode() | OutputNode():
                return render(_template_of(node), scope=scope)
            case _:
                assert_never(node)
    except TemplateError as error:
        raise InterpretationError(TEMPLATE_INVALID, message=str(error), node=node_id) from error
    except ValueTooLargeError as error:
        raise InterpretationError(VALUE_TOO_LARGE, message=str(error), node=node_id) from error


def _outputs(outputs: dict[str, Any]) -> Any:
    if not outputs:
        return None
    if len(outputs) == 1:
        return next(iter(outputs.values()))
    if encoded_size(outputs) > MAX_VALUE_BYTES:
        message = f"the outputs are larger than {MAX_VALUE_BYTES} bytes together"
        raise InterpretationError(VALUE_TOO_LARGE, message=message)
    return outputs


def _scope(execution: Execution, *, payload: Any) -> Scope:
    return {
        "trigger": {
            "payload": payload,
            "id": str(execution.trigger_id),
            "type": str(execution.trigger_type),
            "name": execution.trigger_name,
        },
        "nodes": {},
        "execution": {"id": str(execution.id)},
        "workflow": {"id": str(execution.workflow_id)},
    }
