"""The field's language: the glossary lists the words that are not used, and these tests find them."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from repository import ROOT, committed, sources

GLOSSARY = ROOT / "docs" / "glossary.md"


class Retired(NamedTuple):
    names: frozenset[str]
    texts: frozenset[str]


def retired(glossary: str) -> Retired:
    """Read the table of words that are not used."""
    rows = re.findall(
        r"^\| (`[^|]+) \| ([a-z, ]+) \|", glossary.partition("## Words we do not use")[2], re.MULTILINE
    )
    words = [(word, where) for cell, where in rows for word in re.findall(r"`([a-z]+)`", cell)]
    return Retired(
        names=frozenset(word for word, where in words if "names" in where),
        texts=frozenset(word for word, where in words if "texts" in where),
    )


RETIRED = retired(GLOSSARY.read_text())


def words_of(identifier: str) -> set[str]:
    """Return the words of ``snake_case`` and ``CamelCase`` names."""
    # "Not found" is the name of a status, in HTTP and in gRPC.
    plain = re.sub(r"not_?found", "", identifier, flags=re.IGNORECASE)
    return {word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", plain)}


def names_in(source: str) -> Iterator[tuple[int, str]]:
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.NAME:
            yield token.start[0], token.string


def texts_in(source: str) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


def retired_words(source: str, *, words: Retired) -> list[str]:
    """Return the places of a module that use a retired word."""
    return [
        *(f"{line}: name {name}" for line, name in names_in(source) if words_of(name) & words.names),
        *(
            f"{line}: text {word!r}"
            for line, text in texts_in(source)
            for word in sorted({found.lower() for found in re.findall(r"[A-Za-z]+", text)} & words.texts)
        ),
    ]


def _package(path: Path) -> str:
    parts = path.relative_to(ROOT).parts
    return parts[parts.index("src") + 1]


@pytest.mark.parametrize("package", sorted({_package(path) for path in sources()}))
def test_retired_words_are_not_used(package: str) -> None:
    paths = [path for path in sources() if _package(path) == package]
    places = [
        f"{path.relative_to(ROOT)}:{place}"
        for path in paths
        for place in [
            *retired_words(path.read_text(), words=RETIRED),
            *(f"module {path.stem}" for _ in words_of(path.stem) & RETIRED.names),
        ]
    ]
    assert places == []


def test_guides_use_no_retired_words() -> None:
    guides = [path for path in committed() if path.suffix == ".md" and path != GLOSSARY]
    places = [
        f"{path.relative_to(ROOT)}:{number}: {word}"
        for path in guides
        for number, line in enumerate(path.read_text().splitlines(), 1)
        for word in sorted({word.lower() for word in re.findall(r"[A-Za-z]+", line)} & RETIRED.texts)
    ]
    assert places == []


@pytest.mark.parametrize(
    "planted",
    [
        "def whats_wanted() -> int:\n    return 1\n",
        "class WantedState:\n    pass\n",
        "def ask(wanted: int) -> int:\n    return wanted\n",
        'TEXT = "It shall be so."\n',
        'log.info("nobody listens")\n',
        'def f() -> None:\n    """Made anew."""\n',
    ],
)
def test_a_planted_word_is_noticed(planted: str) -> None:
    assert retired_words(planted, words=RETIRED)


def test_the_table_of_retired_words_is_read() -> None:
    assert {"shall", "wanted", "flaw"} <= RETIRED.names
    assert {"shall", "nobody"} <= RETIRED.texts
    assert "wanted" not in RETIRED.texts
