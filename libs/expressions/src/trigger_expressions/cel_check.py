"""What a condition may say, found out without running anything of it.

``checked`` refuses what has no bound: macros, patterns that an event brings. So what passes is linear in the
expression and in the values that it reads. It lists what cannot work: functions, methods and variables that
there are not, operands of the wrong type, a result that is not true or false.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Final

from trigger_expressions.cel_edits import Edit, edited, replaced
from trigger_expressions.cel_functions import (
    ANY,
    FUNCTIONS,
    MACROS,
    METHODS,
    NUMBER,
    TIME_DIFFERENCES,
    TIME_SUMS,
    TYPE_NAMES,
    counted,
    near,
    no_function,
    types_of,
    words_for,
)
from trigger_expressions.cel_nodes import Call, Constant, Field, Index, ListOf, MapOf, Name, Node, Operation
from trigger_expressions.cel_numbers import as_doubles, as_doubles_if_broken, is_number
from trigger_expressions.cel_parser import SyntaxProblemError, syntax_of
from trigger_expressions.cel_paths import PREFIX, EventPath, EventPaths
from trigger_expressions.subjects import Subject

MAX_CONCATENATIONS: Final = 20
"""Uses of ``+``: each may copy a text of the event."""
MAX_PATTERNS: Final = 5
"""Uses of ``matches()``: the evaluator builds the pattern again for each event."""

_WHOLE: Final = "whole number"
_PART: Final = "part of a sum"
_ALL_TYPES: Final = FUNCTIONS["type"].accepts[0]


class UnboundedError(ValueError):
    """The text is not an expression, or nothing bounds its work; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """``text`` is what the evaluator gets; ``functions`` are all that it calls, operators left out.

    ``variables`` are the names in it that are no variable of a path: of types, or unknown.
    """

    text: str
    functions: frozenset[str]
    variables: frozenset[str]
    paths: tuple[EventPath, ...]
    patterns: tuple[str, ...]
    """What ``matches()`` is called with, as it is written, in quotes."""
    problems: tuple[str, ...]
    """Why the condition cannot work, or only for some events."""


def checked(text: str, *, subject: Subject) -> Checked:
    """Check a condition on a subject. Raises ``UnboundedError``."""
    try:
        tree = syntax_of(text)
    except SyntaxProblemError as error:
        raise UnboundedError(str(error)) from None
    checker = _Checker(text=text, subject=subject, paths=EventPaths(text, root=subject.root))
    kind = checker.kind_of(tree, expected=None)
    if kind == ANY and isinstance(tree, Field | Index):
        checker.problem(f"a condition is true or false; example: {text.strip()} == true")
    elif kind not in {"bool", ANY}:
        example = f"for example {subject.example}.total > 100"
        checker.problem(f"a condition is true or false, and this is {words_for(kind)}; {example}")
    return Checked(
        problems=tuple(dict.fromkeys(checker.problems)),
        text=edited(text, edits=checker.edits, within=tree),
        paths=checker.paths.all(),
        functions=frozenset(checker.functions),
        variables=frozenset(checker.used),
        patterns=tuple(checker.patterns),
    )


@dataclass(slots=True, kw_only=True)
class _Checker:
    """Walks a tree from its leaves, and notes what it finds."""

    text: str
    subject: Subject
    paths: EventPaths
    problems: list[str] = field(default_factory=list)
    edits: list[Edit] = field(default_factory=list)
    functions: set[str] = field(default_factory=set)
    used: set[str] = field(default_factory=set)
    concatenations: int = 0
    patterns: list[str] = field(default_factory=list)

    def problem(self, text: str) -> str:
        """Note why the condition cannot work; the value of such a part may be anything."""
        self.problems.append(text)
        return ANY

    def kind_of(self, node: Node, *, expected: str | None) -> str:
        """Return the type of a node's value.

        ``expected`` is ``number`` or ``whole number`` where its reader takes nothing else. It is ``part of a
        sum`` where its reader decides.
        """
        match node:
            case Constant():
                return node.kind
            case Name():
                return self._variable(node)
            case Call():
                return self._call(node)
            case Operation():
                return self._operation(node, expected=expected)
            case Field() | Index():
                return self._selection(node)
            case ListOf(items=items):
                return self._collection("list", parts=items)
            case MapOf(entries=entries):
                return self._collection("map", parts=[part for entry in entries for part in entry])
            case _:
                raise AssertionError(node)

    def _collection(self, kind: str, *, parts: Iterable[Node]) -> str:
        for part in parts:
            self.kind_of(part, expected=None)
        return kind

    def _selection(self, node: Field | Index) -> str:
        if self._read(node, path=node, asks_presence=False):
            return ANY
        if isinstance(node, Field):
            self._expect(node.operand, types=types_of("map"), of=f".{node.name}")
            return ANY
        kind = self._expect(node.operand, types=types_of("list", "map"), of="[…]")
        key = self.kind_of(node.index, expected=_WHOLE)
        if key not in {ANY, "number", "string", "bool"} or (kind == "list" and key == "string"):
            self.problem(f"[…] of a list takes a number, of an object a text, and this is {words_for(key)}")
        return ANY

    def _read(self, node: Node, *, path: Node, asks_presence: bool) -> bool:
        """Put a variable in the place of a node that reads a fixed path; tell whether it is such a node."""
        variable = self.paths.variable_for(path, asks_presence=asks_presence)
        if variable is not None:
            self.edits.append(replaced(node, by=variable))
        return variable is not None

    def _variable(self, node: Name) -> str:
        name = node.name
        if self._read(node, path=node, asks_presence=False):
            return "map"
        if name.startswith(PREFIX):
            raise UnboundedError(f"a name cannot begin with {PREFIX}, as {name} does")
        self.used.add(name)
        if name in TYPE_NAMES:
            return "type"
        root = self.subject.root
        return self.problem(f"there is no {name}{near(name, [root])}; a condition can use: {root}")

    def _call(self, node: Call) -> str:
        name = node.name
        if name in MACROS:
            raise UnboundedError(f"{name}() is not supported: it has no bound")
        if name == "has" and node.operand is None:
            return self._has(node)
        self.functions.add(name)
        operands = node.arguments if node.operand is None else (node.operand, *node.arguments)
        function = (FUNCTIONS if node.operand is None else METHODS).get(name)
        if function is None:
            return self._unknown_call(node, operands=operands)
        if len(operands) != len(function.accepts):
            expected = len(function.accepts) - (node.operand is not None)
            hint = "; times are in UTC" if name.startswith("get") else ""
            self.problem(f"{name}() takes {counted(expected)}, not {len(node.arguments)}{hint}")
        for argument, types in zip_longest(operands, function.accepts, fillvalue=None):
            if argument is not None:
                self._expect(argument, types=types or _ALL_TYPES, of=f"{name}()")
        if name == "matches":
            self._pattern(node.arguments)
        return function.result

    def _has(self, node: Call) -> str:
        if len(node.arguments) != 1 or not isinstance(node.arguments[0], Field):
            self.problem(f"has() takes one field, for example has({self.subject.example}.total)")
            self._collection("list", parts=node.arguments)
        elif not self._read(node, path=node.arguments[0], asks_presence=True):
            self.kind_of(node.arguments[0].operand, expected=None)
        return "bool"

    def _unknown_call(self, node: Call, *, operands: tuple[Node, ...]) -> str:
        detail = no_function(node.name, is_method=node.operand is not None, example=self.subject.example)
        if any(isinstance(argument, Name) and argument.name != self.subject.root for argument in operands):
            # This is how a macro looks, and a later evaluator may know more of them.
            raise UnboundedError(detail)
        self._collection("list", parts=operands)
        return self.problem(detail)

    def _pattern(self, arguments: tuple[Node, ...]) -> None:
        if len(self.patterns) == MAX_PATTERNS:
            raise UnboundedError(f"it has more than {MAX_PATTERNS} uses of matches()")
        if len(arguments) != 1 or not (isinstance(arguments[0], Constant) and arguments[0].kind == "string"):
            raise UnboundedError("matches() takes a pattern in quotes, for example matches('^A-[0-9]+$')")
        self.patterns.append(arguments[0].text)

    def _operation(self, node: Operation, *, expected: str | None) -> str:
        match node.operator:
            case "&&" | "||" | "!":
                self._expect_each(node, types=types_of("bool"))
                return "bool"
            case "?:":
                condition, chosen, other = node.operands
                self._expect(condition, types=types_of("bool"), of="?")
                kinds = {self.kind_of(chosen, expected=expected), self.kind_of(other, expected=expected)}
                return kinds.pop() if len(kinds) == 1 else ANY
            case "in":
                self.kind_of(node.operands[0], expected=None)
                self._expect(node.operands[1], types=types_of("list", "map"), of="in")
                return "bool"
            case "==" | "!=" | "<" | "<=" | ">" | ">=":
                return self._comparison(node)
            case _:
                return self._arithmetic(node, expected=expected)

    def _comparison(self, node: Operation) -> str:
        left, right = self._of_two(node, expected=None)
        if ANY not in {left, right} and left != right and "null" not in {left, right}:
            self.problem(f"{words_for(left)} {node.operator} {words_for(right)}: the two are never the same")
        if node.operator not in {"==", "!="}:
            for kind in (left, right):
                if kind in {"null", "list", "map", "type"}:
                    self.problem(f"{words_for(kind)} cannot be compared with {node.operator}")
        return "bool"

    def _arithmetic(self, node: Operation, *, expected: str | None) -> str:
        operator = node.operator
        if len(node.operands) == 1:
            self._expect_each(node, types=NUMBER)
            return "number"
        if operator == "+":
            return self._sum(node, expected=expected)
        kinds = self._of_two(node, expected=_WHOLE if operator == "%" or expected == _WHOLE else "number")
        if operator == "-" and (kind := TIME_DIFFERENCES.get(kinds)) is not None:
            return kind
        # What JSON holds can only be numbers here.
        if not set(kinds) <= {"number", ANY}:
            return self._impossible(node, kinds=kinds)
        if operator != "%" and expected != _WHOLE:
            self.edits += as_doubles(node)
        return "number"

    def _sum(self, node: Operation, *, expected: str | None) -> str:
        self.concatenations += 1
        if self.concatenations > MAX_CONCATENATIONS:
            raise UnboundedError(f"it has more than {MAX_CONCATENATIONS} uses of +")
        kinds = self._of_two(node, expected=expected or _PART)
        known = set(kinds) - {ANY}
        if known == {"number"} or (not known and expected == "number"):
            if expected != _WHOLE:
                self.edits += as_doubles(node)
            return "number"
        if not known:
            if expected is None:
                self.edits += as_doubles_if_broken(node, text=self.text, edits=self.edits)
            return ANY
        if (kind := TIME_SUMS.get(kinds)) is not None:
            return kind
        if len(known) == 1 and known <= {"string", "list", "bytes"}:
            return known.pop()
        return self._impossible(node, kinds=kinds)

    def _impossible(self, node: Operation, *, kinds: tuple[str, str]) -> str:
        hint = "; string() makes a text of a number" if set(kinds) == {"number", "string"} else ""
        left, right = (words_for(kind) for kind in kinds)
        return self.problem(f"{left} {node.operator} {right} is not possible{hint}")

    def _of_two(self, node: Operation, *, expected: str | None) -> tuple[str, str]:
        """Return the types of two operands; one that is a number makes a number of the other one's sum."""
        left_node, right_node = node.operands
        hint = expected if expected not in {None, _PART} else None
        hint = hint or ("number" if is_number(left_node) or is_number(right_node) else expected)
        return self.kind_of(left_node, expected=hint), self.kind_of(right_node, expected=hint)

    def _expect_each(self, node: Operation, *, types: frozenset[str]) -> None:
        for operand in node.operands:
            self._expect(operand, types=types, of=node.operator)

    def _expect(self, node: Node, *, types: frozenset[str], of: str) -> str:
        kind = self.kind_of(node, expected=None)
        if kind not in types:
            expected = " or ".join(words_for(name) for name in sorted(types - {ANY}))
            return self.problem(f"{of} takes {expected}, and this is {words_for(kind)}")
        return kind
