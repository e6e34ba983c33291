"""The places of an event that a condition reads, found on its syntax tree.

The evaluator copies whatever a name stands for, as often as it is read: ``event.data.total > 100`` would copy
the whole event. So each path of fixed steps becomes a variable of its own, and an event gives up only what is
at its paths, and only where that is small enough for the work to be bounded.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from trigger_expressions.cel_nodes import Constant, Field, Index, Name, Node
from trigger_paths import format_path

PREFIX: Final = "__"
"""How the variables of paths begin; a condition cannot use such a name itself."""
MAX_VALUES: Final = 20_000
"""JSON values (keys are some) that a condition may read of one event, each as often as it is read."""
MAX_CHARACTERS: Final = 4_000_000
"""Characters of the texts among them."""

_PLAIN_TEXT: Final = re.compile(r"""[rR]?("[^"\\]*"|'[^'\\]*')""")
_WHOLE: Final = re.compile(r"[0-9]{1,9}")

Step = str | int


class TooMuchToReadError(ValueError):
    """An event holds more at the paths of a condition than may be read; the text says where."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventPath:
    """One path, as often as it is read: the variable, the steps from its root, and how it is written."""

    variable: str
    root: str
    steps: tuple[Step, ...]
    text: str
    uses: int
    asks_presence: bool
    """Whether the variable is what ``has()`` says of the path."""


class EventPaths:
    """Gathers the paths of one condition."""

    def __init__(self, text: str, *, root: str) -> None:
        self._text = text
        self._root = root
        self._reads: dict[tuple[tuple[Step, ...], bool], list[str]] = {}

    def variable_for(self, node: Node, *, asks_presence: bool) -> str | None:
        """Return the variable that stands for a node; ``None`` where it is not a path of fixed steps."""
        steps = _steps_of(node, root=self._root)
        if steps is None:
            return None
        key = (steps, asks_presence)
        self._reads.setdefault(key, []).append(self._text[node.start : node.end])
        return f"{PREFIX}{list(self._reads).index(key)}"

    def all(self) -> tuple[EventPath, ...]:
        """Return the paths, in the order of their variables."""
        return tuple(
            EventPath(
                variable=f"{PREFIX}{number}",
                root=self._root,
                steps=steps,
                text=texts[0],
                uses=len(texts),
                asks_presence=asks_presence,
            )
            for number, ((steps, asks_presence), texts) in enumerate(self._reads.items())
        )


def _steps_of(node: Node, *, root: str) -> tuple[Step, ...] | None:
    """Return the fixed steps from a root to what a node stands for; ``None`` where another value decides."""
    match node:
        case Name(name=name):
            return () if name == root else None
        case Field(operand=operand, name=name):
            above = _steps_of(operand, root=root)
            return None if above is None else (*above, name)
        case Index(operand=operand, index=Constant() as index):
            above, step = _steps_of(operand, root=root), _step(index)
            return None if above is None or step is None else (*above, step)
        case _:
            return None


def values_at(paths: Sequence[EventPath], *, event: Mapping[str, Any]) -> dict[str, Any]:
    """Return the variables of a condition; a path that leads nowhere has none, as in CEL.

    Raises ``TooMuchToReadError``.
    """
    values: dict[str, Any] = {}
    budget = _Budget()
    for path in paths:
        try:
            if path.asks_presence:
                parent = _value_at(event, path.steps[:-1])
                if not isinstance(parent, Mapping):
                    continue
                values[path.variable] = path.steps[-1] in parent
            else:
                value = _value_at(event, path.steps)
                budget.take(value, path=path)
                values[path.variable] = value
        except LookupError:
            continue
    return values


def absent_part(path: EventPath, *, event: Mapping[str, Any]) -> str:
    """Return the shortest part of a path that leads nowhere, as a condition writes it.

    ``has()`` needs the object that would hold its field, and so is absent where that object is.
    """
    steps = path.steps[:-1] if path.asks_presence else path.steps
    for count in range(1, len(steps) + 1):
        try:
            _value_at(event, steps[:count])
        except LookupError:
            return format_path((path.root, *map(str, steps[:count])))
    return path.text


class _Budget:
    def __init__(self) -> None:
        self._values = MAX_VALUES
        self._characters = MAX_CHARACTERS

    def take(self, value: Any, *, path: EventPath) -> None:
        """Count a value as often as it is read."""
        pending = [value]
        while pending:
            one = pending.pop()
            self._values -= path.uses
            if isinstance(one, str):
                self._characters -= path.uses * len(one)
            elif isinstance(one, Mapping | list):
                # Looked at before anything of it is: it may have a million.
                if len(one) * path.uses > self._values:
                    raise TooMuchToReadError(f"{path.text} holds more than a condition may read")
                pending += one if isinstance(one, list) else [*one, *one.values()]
            if self._values < 0 or self._characters < 0:
                raise TooMuchToReadError(f"{path.text} holds more than a condition may read")


def _step(index: Constant) -> Step | None:
    if index.kind == "string" and _PLAIN_TEXT.fullmatch(index.text):
        return index.text.lstrip("rR")[1:-1]
    return int(index.text) if index.kind == "number" and _WHOLE.fullmatch(index.text) else None


def _value_at(event: Mapping[str, Any], steps: Sequence[Step]) -> Any:
    """Return a value; ``LookupError`` where there is none, or a step is not of its kind."""
    value: Any = event
    for step in steps:
        match value, step:
            case Mapping(), str():
                value = value[step]
            case list(), int():
                value = value[step]
            case _:
                raise LookupError(step)
    return value
