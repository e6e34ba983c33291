"""Checks and evaluates random conditions: how long does the worst of them hold others up? JSON lines.

The expressions come from a grammar that knows CEL's macros, comments, raw strings and patterns, so that many
are attempts to do much work. Each that can be compiled meets events that are large in one way each. The bare
figure is the evaluator's own compilation of the same text.
"""

import os
import random
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import cel
from load import say

from trigger_expressions import EvaluationError, Expression, ExpressionError, problems_of

EXPRESSIONS = int(os.environ.get("BENCH_EXPRESSIONS", "100000"))
SEED = int(os.environ.get("BENCH_SEED", "1"))

_ROOTS = ["event.data.s", "event.data.l", "event.data.m", "event.data", "event", "event.data.n", "event.id"]
_GAPS = ["", " ", "\n", "//\n", "// (\n", "\t"]
_METHODS = ["map", "filter", "all", "exists", "exists_one", "existsOne", "size", "matches", "contains"]
_PATTERNS = ["'^a+$'", "'(a*)*b'", "'(a|aa)+$'", "'(a{10}){10}'", "'\\\\w{9}'", "'.*.*.*x'", "event.data.s"]
_LEAVES = [*_ROOTS, "1", "2.5", "'a'", 'r"\\"', "b'a'", "true", "null", "x", "[1, 2]", "{'a': 1}"]


def expression(source: random.Random, *, depth: int) -> str:
    """Return a random expression; most say something of the event."""

    def inner() -> str:
        return expression(source, depth=depth - 1)

    if depth <= 0:
        return source.choice(_LEAVES)
    gap = source.choice(_GAPS)
    shapes: list[Callable[[], str]] = [
        lambda: f"{inner()} {source.choice(['+', '-', '*', '/', '%'])} {inner()}",
        lambda: f"{inner()} {source.choice(['==', '!=', '<', '>=', 'in'])} {inner()}",
        lambda: f"({inner()} {source.choice(['&&', '||'])} {inner()})",
        lambda: f"({inner()} ? {inner()} : {inner()})",
        lambda: f"{inner()}.{source.choice(_METHODS)}{gap}(x, {inner()})",
        lambda: f"{inner()}.{source.choice(_METHODS)}{gap}({inner()})",
        lambda: f"{source.choice(_ROOTS)}.matches({source.choice(_PATTERNS)})",
        lambda: f"{inner()}[{inner()}]",
        lambda: f"[{', '.join(inner() for _ in range(source.randint(0, 4)))}]",
        lambda: f"!{gap}({inner()})",
        lambda: f"size({inner()}) > {source.randint(0, 9)}",
        lambda: " + ".join([source.choice(_ROOTS)] * source.randint(2, 40)),
        lambda: f"has({source.choice(_ROOTS)}.{source.choice('slmnx')})",
    ]
    return source.choice(shapes)()


def events() -> list[dict[str, Any]]:
    """Return events that are large in one way each; the bus takes messages of 8 MiB."""
    texts = {"s": "a" * 4_000_000, "l": ["a" * 1_000] * 1_000, "m": {"a" * 1_000: 1}, "n": 3}
    lists = {"s": "a", "l": list(range(500_000)), "m": {"k": [[1]] * 100_000}, "n": 1.5}
    maps = {"s": "b", "l": [{"a": 1}] * 50_000, "m": {str(key): key for key in range(100_000)}, "n": 2**70}
    return [{"id": "1", "source": "/", "type": "t", "data": data} for data in (texts, lists, maps)]


def percentile(values: list[float], share: float) -> float:
    """Return a percentile in ms."""
    ordered = sorted(values) or [0.0]
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000, 3)


def timed(work: Callable[[], Any], *, into: list[float]) -> Any:
    """Return what a function returns; note what it took of the processor, in seconds."""
    begun = time.thread_time()
    try:
        return work()
    finally:
        into.append(time.thread_time() - begun)


def main() -> int:
    source = random.Random(SEED)
    large = events()
    bare: list[float] = []
    checks: list[float] = []
    evaluations: list[float] = []
    worst = ("", 0.0)
    compiled = 0
    for _ in range(EXPRESSIONS):
        text = expression(source, depth=source.randint(1, 5))[:1000]
        with suppress(ValueError):
            timed(lambda: cel.compile(text), into=bare)  # noqa: B023 - called at once
        timed(lambda: problems_of(text), into=checks)  # noqa: B023 - called at once
        try:
            condition = Expression(text)
        except ExpressionError:
            continue
        compiled += 1
        for event in large:
            with suppress(EvaluationError):
                timed(lambda: condition.holds(event), into=evaluations)  # noqa: B023 - called at once
            if evaluations[-1] > worst[1]:
                worst = (text, evaluations[-1])
    for name, values in (("compile, bare", bare), ("check", checks), ("evaluate", evaluations)):
        figures = {f"p{share * 100:g}_ms": percentile(values, share) for share in (0.5, 0.99, 1)}
        say(name, count=len(values), **figures)
    say("compiled", expressions=EXPRESSIONS, share=compiled / EXPRESSIONS)
    say("worst evaluation", text=worst[0], wanted="below 100 ms")
    return 0


if __name__ == "__main__":
    sys.exit(main())
