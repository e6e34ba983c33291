"""What a workflow definition must be beyond its shape: a graph that can run."""

from collections import defaultdict
from typing import Final

import msgspec

from trigger_contracts.definition import OutputNode, WorkflowDefinition
from trigger_expressions import TemplateError, paths_in
from trigger_validation import MAX_FIELD_ERRORS, FieldError, pointer_step, size_errors

MAX_BYTES: Final = 1024 * 1024
"""Every execution carries its definition through Temporal, which takes 2 MiB for payload and definition."""


def field_errors_of(definition: WorkflowDefinition) -> list[FieldError]:
    """Return everything that keeps a definition from running, with pointers into the request's body."""
    errors = size_errors(definition, limit=MAX_BYTES, pointer="/definition")
    errors += [
        FieldError(f"/definition/edges/{index}/{end}", f"There is no node {node!r}.")
        for index, edge in enumerate(definition.edges)
        for end, node in (("source", edge.source), ("target", edge.target))
        if node not in definition.nodes
    ]
    if definition.entry_point not in definition.nodes:
        errors.append(FieldError("/definition/entryPoint", f"There is no node {definition.entry_point!r}."))
    errors += _template_errors(definition)
    if errors:
        return errors
    if cycle := _cyclic(definition):
        errors.append(
            FieldError("/definition/edges", f"The edges lead in a circle through {', '.join(cycle)}.")
        )
    reached = _reachable(definition)
    if not any(isinstance(definition.nodes[node], OutputNode) for node in reached):
        errors.append(FieldError("/definition/nodes", "No output node can be reached from the entry point."))
    return errors


def _template_errors(definition: WorkflowDefinition) -> list[FieldError]:
    """Return broken templates, and paths to nodes that are not there: those would be null for ever."""
    errors: list[FieldError] = []
    for node_id, node in definition.nodes.items():
        pointer = f"/definition/nodes/{pointer_step(node_id)}/config"
        for place, path in paths_in(msgspec.to_builtins(node.config), pointer=pointer):
            if len(errors) == MAX_FIELD_ERRORS:
                return errors
            if isinstance(path, TemplateError):
                errors.append(FieldError(place, f"This is no template: {path}."))
            elif path[0] == "nodes" and len(path) > 1 and path[1] not in definition.nodes:
                errors.append(FieldError(place, f"There is no node {path[1]!r}."))
    return errors


def _targets(definition: WorkflowDefinition) -> dict[str, list[str]]:
    targets: dict[str, list[str]] = defaultdict(list)
    for edge in definition.edges:
        targets[edge.source].append(edge.target)
    return targets


def _reachable(definition: WorkflowDefinition) -> set[str]:
    targets = _targets(definition)
    reached, waiting = set[str](), [definition.entry_point]
    while waiting:
        node = waiting.pop()
        if node not in reached:
            reached.add(node)
            waiting.extend(targets[node])
    return reached


def _cyclic(definition: WorkflowDefinition) -> list[str]:
    """Return the nodes that no order can satisfy (Kahn's algorithm); at most ten of them."""
    incoming = dict.fromkeys(definition.nodes, 0)
    for edge in definition.edges:
        incoming[edge.target] += 1
    targets = _targets(definition)
    free = [node for node, count in incoming.items() if not count]
    while free:
        node = free.pop()
        del incoming[node]
        for target in targets[node]:
            incoming[target] -= 1
            if not incoming[target]:
                free.append(target)
    return sorted(incoming)[:10]
