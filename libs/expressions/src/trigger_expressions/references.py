"""Which nodes a node's templates read, and which of them can never have a value.

A node waits for the nodes that it reads, also where no edge leads from them to it.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from trigger_expressions.templates import Choice, TemplateError, parts
from trigger_paths import Path, format_path

FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "execution": ("id",),
    "trigger": ("payload", "id", "type", "name"),
    "workflow": ("id",),
}
"""What the roots have. Only the payload has parts."""

_ANY_DEPTH: Final = ("trigger", "payload")


def paths_of(choice: Choice) -> list[Path]:
    """Return the paths among the operands of a choice."""
    return [operand for operand in choice if isinstance(operand, tuple)]


def missing_value_reason(path: Path) -> str | None:
    """Return why no execution has a value at a path, whatever its payload; ``None`` where one may have."""
    root, *steps = path
    if not steps:
        return None
    if root == "nodes":
        if len(steps) > 1 and steps[1] != "output":
            full = format_path((root, steps[0], "output", *steps[1:]))
            return f"A node has an output. Write {full[:200]}"
        return None
    if steps[0] not in FIELDS[root]:
        names = " and ".join(f"{root}.{name}" for name in FIELDS[root])
        hint = f" Write {format_path((*_ANY_DEPTH, *steps))[:200]}" if root == "trigger" else ""
        return f"There is no {format_path(path)[:80]}. There is {names}.{hint}"
    if len(steps) > 1 and path[:2] != _ANY_DEPTH:
        return f"{root}.{steps[0]} is a text and has no parts."
    return None


def nodes_read(template: Any) -> dict[str, None]:
    """Return the ids of the nodes that a JSON value of templates reads; a broken template reads none."""
    read: dict[str, None] = {}
    ahead = [template]
    while ahead:
        item = ahead.pop()
        if isinstance(item, dict):
            ahead.extend(reversed(item.values()))
        elif isinstance(item, list):
            ahead.extend(reversed(item))
        elif isinstance(item, str) and "{{" in item:
            read |= dict.fromkeys(_nodes_of(item))
    return read


def _nodes_of(template: str) -> list[str]:
    try:
        choices = [part for part in parts(template) if isinstance(part, tuple)]
    except TemplateError:
        return []
    paths = [path for choice in choices for path in paths_of(choice)]
    return [path[1] for path in paths if path[0] == "nodes" and len(path) > 1]


def circles(targets: Mapping[str, Iterable[str]]) -> dict[str, str]:
    """Return a name for each node, the same for nodes that lead to each other (Kosaraju's algorithm)."""
    sources: dict[str, list[str]] = {node: [] for node in targets}
    for node, following in targets.items():
        for target in following:
            sources[target].append(node)
    finished: list[str] = []
    seen: set[str] = set()
    for node in targets:
        _walk(node, targets=targets, seen=seen, finished=finished)
    circle: dict[str, str] = {}
    seen = set()
    for node in reversed(finished):
        members: list[str] = []
        _walk(node, targets=sources, seen=seen, finished=members)
        circle |= dict.fromkeys(members, node)
    return circle


def _walk(start: str, *, targets: Mapping[str, Iterable[str]], seen: set[str], finished: list[str]) -> None:
    """Add what can be reached and was not seen, each node after those that it leads to; without recursion."""
    if start in seen:
        return
    seen.add(start)
    way = [(start, iter(targets[start]))]
    while way:
        node, following = way[-1]
        target = next((target for target in following if target not in seen), None)
        if target is None:
            finished.append(node)
            way.pop()
        else:
            seen.add(target)
            way.append((target, iter(targets[target])))
