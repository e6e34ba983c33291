"""Changes to the text of an expression, by the places of its parts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from trigger_expressions.cel_nodes import Node


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """``text[start:end]`` becomes ``replacement``; an insertion closes what ends at its place, or opens."""

    start: int
    end: int
    replacement: str
    closes: bool = False


def replaced(node: Node, *, by: str) -> Edit:
    """Return what puts a text in the place of a part."""
    return Edit(start=node.start, end=node.end, replacement=by)


def around(node: Node, *, before: str, after: str) -> list[Edit]:
    """Return what puts texts around a part."""
    return [
        Edit(start=node.start, end=node.start, replacement=before),
        Edit(start=node.end, end=node.end, replacement=after, closes=True),
    ]


def edited(text: str, *, edits: Sequence[Edit], within: Node) -> str:
    """Return a part as it is after the edits, which come from the inner parts to the outer ones."""
    pieces = []
    position = within.start
    for edit in _in_order(edit for edit in edits if within.start <= edit.start and edit.end <= within.end):
        pieces += [text[position : edit.start], edit.replacement]
        position = edit.end
    pieces.append(text[position : within.end])
    return "".join(pieces)


def _in_order(edits: Iterable[Edit]) -> list[Edit]:
    """Sort by place; at one place the inner parts close first, then the outer ones open first."""

    def rank(numbered: tuple[int, Edit]) -> tuple[int, int, int]:
        number, edit = numbered
        if edit.closes:
            return (edit.start, 0, number)
        return (edit.start, 1 if edit.start == edit.end else 2, -number)

    return [edit for _, edit in sorted(enumerate(edits), key=rank)]
