"""What the syntax tree of a CEL expression is made of."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A part of an expression: ``text[start:end]``."""

    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Constant(Node):
    """``kind`` is ``bool``, ``null``, ``number``, ``string`` or ``bytes``; ``text`` is as it is written."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Name(Node):
    """A variable."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Field(Node):
    """``operand.name``."""

    operand: Node
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Index(Node):
    """``operand[index]``."""

    operand: Node
    index: Node


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Node):
    """``name(arguments)`` or ``operand.name(arguments)``."""

    name: str
    operand: Node | None
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation(Node):
    """``operator`` is as it is written, ``?:`` for a choice; one, two or three operands."""

    operator: str
    operands: tuple[Node, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOf(Node):
    """``[items]``."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MapOf(Node):
    """``{keys: values}``."""

    entries: tuple[tuple[Node, Node], ...]
