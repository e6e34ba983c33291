"""Where an expression has numbers, and how doubles are made of them.

JSON has one kind of number. CEL has two, which it does not mix in arithmetic: ``total * 1.19`` would fail for
a total of 100. So arithmetic gets doubles, except where CEL wants whole numbers (``%``, an index).
"""

from collections.abc import Sequence

from trigger_expressions.cel_edits import Edit, around, edited
from trigger_expressions.cel_functions import FUNCTIONS, METHODS
from trigger_expressions.cel_nodes import Call, Constant, Node, Operation


def as_doubles(operation: Operation) -> list[Edit]:
    """Return what makes doubles of the operands."""
    return [edit for operand in operation.operands for edit in around(operand, before="double(", after=")")]


def as_doubles_if_broken(total: Operation, *, text: str, edits: Sequence[Edit]) -> list[Edit]:
    """Return what lets the event say whether a sum is one of doubles: where one of its terms is."""
    terms = [edited(text, edits=edits, within=term) for term in _terms(total)]
    is_broken = " || ".join(f"type({term}) == double" for term in terms)
    doubles = " + ".join(f"double({term})" for term in terms)
    return around(total, before=f"({is_broken} ? {doubles} : ", after=")")


def is_number(node: Node) -> bool:
    """Tell whether a node is a number whatever the event is."""
    match node:
        case Constant(kind=kind):
            return kind == "number"
        case Call(name=name, operand=operand):
            function = (FUNCTIONS if operand is None else METHODS).get(name)
            return function is not None and function.result == "number"
        case Operation(operator="*" | "/" | "%"):
            return True
        case Operation(operator="+" | "-", operands=operands):
            return any(is_number(operand) for operand in operands)
        case _:
            return False


def _terms(node: Node) -> list[Node]:
    """Return what a sum is made of."""
    if isinstance(node, Operation) and node.operator == "+":
        return [term for operand in node.operands for term in _terms(operand)]
    return [node]
