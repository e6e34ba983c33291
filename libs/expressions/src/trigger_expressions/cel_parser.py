"""The syntax tree of a CEL expression, each node with its place in the text.

The evaluator compiles a text without a word on what it holds. What a condition may say is checked on this
tree, before anything of it runs. The grammar is CEL's own (https://github.com/google/cel-spec, "Syntax"),
without texts in three quotes and without messages; whatever else the evaluator's parser refuses, it refuses
later.
"""

import re
from dataclasses import dataclass, replace
from typing import Final

from trigger_expressions.cel_nodes import Call, Constant, Field, Index, ListOf, MapOf, Name, Node, Operation

MAX_DEPTH: Final = 50
"""Expressions within expressions."""

_TOKEN: Final = re.compile(
    r"""
    (?P<space>(?:[\ \t\r\n\f]|//[^\n]*(?:\n|\Z))+)
    |(?P<text>[rR][bB]?"[^"\n]*"|[rR][bB]?'[^'\n]*'|[bB][rR]"[^"\n]*"|[bB][rR]'[^'\n]*'
        |[bB]?"(?:\\.|[^"\\\n])*"|[bB]?'(?:\\.|[^'\\\n])*')
    |(?P<number>0[xX][0-9a-fA-F]+[uU]?|(?:[0-9]+\.[0-9]+|\.[0-9]+|[0-9]+)(?:[eE][+-]?[0-9]+)?[uU]?)
    |(?P<name>[A-Za-z_][A-Za-z0-9_]*)
    |(?P<operator>\|\||&&|<=|>=|==|!=|[<>?:.,()\[\]{}!+*/%-])
    """,
    re.VERBOSE,
)
_THREE_QUOTES: Final = re.compile(r'"""|' + "'''")
_BINARY: Final = (
    ("||",),
    ("&&",),
    ("<", "<=", ">", ">=", "==", "!=", "in"),
    ("+", "-"),
    ("*", "/", "%"),
)
"""From the weakest to the strongest; all of them group to the left."""
_CONSTANTS: Final = {"true": "bool", "false": "bool", "null": "null"}


class SyntaxProblemError(ValueError):
    """The text is not an expression; the message says where and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Token:
    kind: str
    text: str
    start: int
    end: int


def syntax_of(text: str) -> Node:
    """Return the tree of an expression. Raises ``SyntaxProblemError``."""
    parser = _Parser(text)
    node = parser.expression()
    parser.expect_end()
    return node


def _tokens(text: str) -> list[_Token]:
    if _THREE_QUOTES.search(text):
        raise SyntaxProblemError("texts in three quotes are not supported")
    tokens = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise SyntaxProblemError(f"Syntax error at {text[position : position + 20]!r}")
        if match.lastgroup != "space":
            kind = str(match.lastgroup)
            tokens.append(_Token(kind=kind, text=match[0], start=position, end=match.end()))
        position = match.end()
    tokens.append(_Token(kind="end", text="", start=len(text), end=len(text)))
    return tokens


class _Parser:
    """Recursive descent, one method a rule."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = _tokens(text)
        self._position = 0
        self._depth = 0

    def expression(self) -> Node:
        """``condition ? value : other``, or what is stronger."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise SyntaxProblemError(f"it nests deeper than {MAX_DEPTH} levels")
        condition = self._binary(0)
        if self._take("?") is None:
            self._depth -= 1
            return condition
        chosen = self._binary(0)
        self._expect(":")
        other = self.expression()
        self._depth -= 1
        return Operation(
            operator="?:", operands=(condition, chosen, other), start=condition.start, end=other.end
        )

    def expect_end(self) -> None:
        """Refuse what follows the expression."""
        if self._next.kind != "end":
            raise self._unexpected()

    def _binary(self, level: int) -> Node:
        if level == len(_BINARY):
            return self._unary()
        left = self._binary(level + 1)
        while (operator := self._take(*_BINARY[level])) is not None:
            right = self._binary(level + 1)
            left = Operation(operator=operator.text, operands=(left, right), start=left.start, end=right.end)
        return left

    def _unary(self) -> Node:
        if (operator := self._take("!", "-")) is None:
            return self._member()
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise SyntaxProblemError(f"it nests deeper than {MAX_DEPTH} levels")
        operand = self._unary()
        self._depth -= 1
        return Operation(operator=operator.text, operands=(operand,), start=operator.start, end=operand.end)

    def _member(self) -> Node:
        node = self._primary()
        while (operator := self._take(".", "[")) is not None:
            if operator.text == "[":
                index = self.expression()
                end = self._expect("]").end
                node = Index(operand=node, index=index, start=node.start, end=end)
                continue
            name = self._expect_name()
            if self._take("(") is None:
                node = Field(operand=node, name=name.text, start=node.start, end=name.end)
            else:
                arguments, end = self._list(")")
                node = Call(name=name.text, operand=node, arguments=arguments, start=node.start, end=end)
        return node

    def _primary(self) -> Node:
        token = self._next
        self._position += 1
        match token:
            case _Token(kind="number"):
                return Constant(kind="number", text=token.text, start=token.start, end=token.end)
            case _Token(kind="text"):
                is_bytes = "b" in token.text[:2].lower().partition(token.text[-1])[0]
                kind = "bytes" if is_bytes else "string"
                return Constant(kind=kind, text=token.text, start=token.start, end=token.end)
            case _Token(kind="name"):
                return self._named(token)
            case _Token(text="("):
                inner = self.expression()
                return replace(inner, start=token.start, end=self._expect(")").end)
            case _Token(text="["):
                items, end = self._list("]")
                return ListOf(items=items, start=token.start, end=end)
            case _Token(text="{"):
                return self._map(token)
            case _:
                self._position -= 1
                raise self._unexpected()

    def _named(self, token: _Token) -> Node:
        if token.text in _CONSTANTS:
            kind = _CONSTANTS[token.text]
            return Constant(kind=kind, text=token.text, start=token.start, end=token.end)
        if token.text == "in":
            self._position -= 1
            raise self._unexpected()
        if self._take("(") is None:
            return Name(name=token.text, start=token.start, end=token.end)
        arguments, end = self._list(")")
        return Call(name=token.text, operand=None, arguments=arguments, start=token.start, end=end)

    def _list(self, close: str) -> tuple[tuple[Node, ...], int]:
        items: list[Node] = []
        while (end := self._take(close)) is None:
            if items:
                self._expect(",")
                # CEL lets a list end with a comma.
                if close == "]" and (end := self._take(close)) is not None:
                    break
            items.append(self.expression())
        return tuple(items), end.end

    def _map(self, opening: _Token) -> Node:
        entries: list[tuple[Node, Node]] = []
        while (end := self._take("}")) is None:
            if entries:
                self._expect(",")
                if (end := self._take("}")) is not None:
                    break
            key = self.expression()
            self._expect(":")
            entries.append((key, self.expression()))
        return MapOf(entries=tuple(entries), start=opening.start, end=end.end)

    @property
    def _next(self) -> _Token:
        return self._tokens[self._position]

    def _take(self, *texts: str) -> _Token | None:
        token = self._next
        if token.kind == "text" or token.text not in texts or token.kind == "end":
            return None
        self._position += 1
        return token

    def _expect(self, text: str) -> _Token:
        token = self._take(text)
        if token is None:
            raise self._unexpected()
        return token

    def _expect_name(self) -> _Token:
        token = self._next
        if token.kind != "name":
            raise self._unexpected()
        self._position += 1
        return token

    def _unexpected(self) -> SyntaxProblemError:
        token = self._next
        if token.kind == "end":
            return SyntaxProblemError("Syntax error: it ends too early")
        rest = self._text[token.start : token.start + 20]
        return SyntaxProblemError(f"Syntax error at {rest!r}")
