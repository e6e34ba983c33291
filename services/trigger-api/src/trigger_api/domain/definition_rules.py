"""What a workflow definition must be beyond its shape: a graph that can run."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

import msgspec

from trigger_contracts.definition import OutputNode, WorkflowDefinition
from trigger_expressions import TemplateError, choices_in, circles, missing_value_reason, paths_of
from trigger_paths import Path, format_path
from trigger_validation import MAX_FIELD_ERRORS, FieldError, pointer_step, size_errors

MAX_BYTES: Final = 1024 * 1024
"""Every execution carries its definition through Temporal, which takes 2 MiB for payload and definition."""


@dataclass(frozen=True, slots=True)
class _Read:
    """One node's template reads another node's output."""

    place: str
    reader: str
    node: str


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
    reads: list[_Read] = []
    errors += islice(_template_errors(definition, reads=reads), MAX_FIELD_ERRORS)
    if errors:
        return errors
    if cycle := _cyclic(definition):
        errors.append(
            FieldError("/definition/edges", f"The edges lead in a circle through {', '.join(cycle)}.")
        )
    reached = _reachable(definition, definition.entry_point)
    if not any(isinstance(definition.nodes[node], OutputNode) for node in reached):
        errors.append(FieldError("/definition/nodes", "No output node can be reached from the entry point."))
    return errors or list(islice(_read_errors(definition, reads=reads, reached=reached), MAX_FIELD_ERRORS))


def _template_errors(definition: WorkflowDefinition, *, reads: list[_Read]) -> Iterator[FieldError]:
    """Yield broken templates, and paths that would be null for ever; note which nodes are read."""
    for node_id, node in definition.nodes.items():
        pointer = f"/definition/nodes/{pointer_step(node_id)}/config"
        for place, choice in choices_in(msgspec.to_builtins(node.config), pointer=pointer):
            if isinstance(choice, TemplateError):
                yield FieldError(place, str(choice))
                continue
            for path in paths_of(choice):
                if reason := _path_problem(path, definition=definition):
                    yield FieldError(place, reason)
                elif path[0] == "nodes" and len(path) > 1:
                    reads.append(_Read(place, node_id, path[1]))


def _path_problem(path: Path, *, definition: WorkflowDefinition) -> str | None:
    if path[0] == "nodes" and len(path) > 1 and path[1] not in definition.nodes:
        dotted = next((node for node in definition.nodes if ".".join(path[1:]).startswith(f"{node}.")), None)
        hint = "" if dotted is None else f" Write {format_path(('nodes', dotted))}"
        return f"There is no node {path[1][:100]!r}.{hint}"
    return missing_value_reason(path)


def _read_errors(
    definition: WorkflowDefinition, *, reads: list[_Read], reached: set[str]
) -> Iterator[FieldError]:
    """Yield what is read of a node that has no value then. Other reads put the reader after that node."""
    targets = _targets(definition)
    after = {node: [*targets[node]] for node in definition.nodes}
    for read in reads:
        after[read.node].append(read.reader)
    circle = circles(after)
    for read in reads:
        if read.reader not in reached:
            continue
        if read.node not in reached:
            yield FieldError(read.place, f"The node {read.node!r} never runs: no edge leads to it.")
        elif read.node == read.reader:
            yield FieldError(read.place, f"The node {read.node!r} cannot read its own output.")
        elif circle[read.node] == circle[read.reader]:
            yield FieldError(read.place, _circle_reason(read, later=_reachable(definition, read.reader)))


def _circle_reason(read: _Read, *, later: set[str]) -> str:
    if read.node in later:
        return f"The node {read.node!r} runs after {read.reader!r}, which cannot read it."
    return f"The nodes {read.reader!r} and {read.node!r} wait for each other."


def _targets(definition: WorkflowDefinition) -> dict[str, list[str]]:
    targets: dict[str, list[str]] = defaultdict(list)
    for edge in definition.edges:
        targets[edge.source].append(edge.target)
    return targets


def _reachable(definition: WorkflowDefinition, start: str) -> set[str]:
    targets = _targets(definition)
    reached, waiting = set[str](), [start]
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
