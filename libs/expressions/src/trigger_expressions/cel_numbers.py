"""Where an expression has numbers, and how doubles are made of them.

JSON has one kind of number. CEL has two, which it does not mix in arithmetic: ``total * 1.19`` would fail for
a total of 100. So arithmetic gets doubles, except where CEL wants whole numbers (``%``, an index).
"""

from trigger_expressions.cel_functions import FUNCTIONS, METHODS
from trigger_expressions.cel_nodes import Call, Constant, Node, Operation

Edit = tuple[int, int, str]
"""A place in the text, whether a part ends there (1) or begins (0), and what is inserted."""


def as_doubles(operation: Operation) -> list[Edit]:
    """Return what makes doubles of the operands."""
    edits = []
    for operand in operation.operands:
        edits += [(operand.start, 0, "double("), (operand.end, 1, ")")]
    return edits


def as_doubles_if_broken(total: Operation, *, text: str) -> list[Edit]:
    """Return what lets the event say whether a sum is one of doubles: where one of its terms is."""
    terms = [text[term.start : term.end] for term in terms_of(total)]
    is_broken = " || ".join(f"type({term}) == double" for term in terms)
    doubles = " + ".join(f"double({term})" for term in terms)
    return [(total.start, 0, f"({is_broken} ? {doubles} : "), (total.end, 1, ")")]


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


def terms_of(node: Node) -> list[Node]:
    """Return what a sum is made of."""
    if isinstance(node, Operation) and node.operator == "+":
        return [term for operand in node.operands for term in terms_of(operand)]
    return [node]


def edited(text: str, *, edits: list[Edit]) -> str:
    """Insert texts; at one place what closes comes before what opens."""
    pieces = []
    position = 0
    for place, _, insertion in sorted(edits, key=lambda edit: (edit[0], -edit[1])):
        pieces += [text[position:place], insertion]
        position = place
    pieces.append(text[position:])
    return "".join(pieces)
