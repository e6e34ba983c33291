"""The functions and methods that a condition may call: the evaluator's, without its macros."""

import difflib
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

ANY: Final = "any"
"""The type of a value of the event: only the event says which."""

MACROS: Final = frozenset(
    {"map", "filter", "all", "exists", "exists_one", "existsOne", "transformList", "transformMap", "bind"}
)
"""They run an expression for each item of a list: nothing bounds that."""
TYPE_NAMES: Final = frozenset(
    {"int", "uint", "double", "string", "bool", "bytes", "list", "map", "null_type"}
)
"""What ``type()`` can be compared with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """``accepts`` are the types of the operand (of a method) and of the arguments, in order."""

    accepts: tuple[frozenset[str], ...]
    result: str


def types_of(*names: str) -> frozenset[str]:
    """Return the types that a value may have, the unknown one among them."""
    return frozenset({ANY, *names})


STRING: Final = types_of("string")
NUMBER: Final = types_of("number")
SIZED: Final = types_of("string", "bytes", "list", "map")
_OF_TIME: Final = Function(accepts=(types_of("timestamp"),), result="number")
_OF_SPAN: Final = Function(accepts=(types_of("timestamp", "duration"),), result="number")
FUNCTIONS: Final[dict[str, Function]] = {
    "size": Function(accepts=(SIZED,), result="number"),
    "int": Function(accepts=(types_of("number", "string"),), result="number"),
    "uint": Function(accepts=(types_of("number", "string"),), result="number"),
    "double": Function(accepts=(types_of("number", "string"),), result="number"),
    "string": Function(
        accepts=(types_of("number", "string", "bytes", "timestamp", "duration"),), result="string"
    ),
    "bytes": Function(accepts=(STRING,), result="bytes"),
    "timestamp": Function(accepts=(STRING,), result="timestamp"),
    "duration": Function(accepts=(STRING,), result="duration"),
    "type": Function(
        accepts=(
            types_of(
                "bool", "number", "string", "bytes", "null", "list", "map", "timestamp", "duration", "type"
            ),
        ),
        result="type",
    ),
}
METHODS: Final[dict[str, Function]] = {
    "size": FUNCTIONS["size"],
    "contains": Function(accepts=(STRING, STRING), result="bool"),
    "startsWith": Function(accepts=(STRING, STRING), result="bool"),
    "endsWith": Function(accepts=(STRING, STRING), result="bool"),
    "matches": Function(accepts=(STRING, STRING), result="bool"),
    "getFullYear": _OF_TIME,
    "getMonth": _OF_TIME,
    "getDate": _OF_TIME,
    "getDayOfMonth": _OF_TIME,
    "getDayOfWeek": _OF_TIME,
    "getDayOfYear": _OF_TIME,
    "getHours": _OF_SPAN,
    "getMinutes": _OF_SPAN,
    "getSeconds": _OF_SPAN,
    "getMilliseconds": _OF_SPAN,
}
TIME_DIFFERENCES: Final = {
    ("timestamp", "timestamp"): "duration",
    ("timestamp", "duration"): "timestamp",
    ("duration", "duration"): "duration",
}
TIME_SUMS: Final = {
    ("timestamp", "duration"): "timestamp",
    ("duration", "timestamp"): "timestamp",
    ("duration", "duration"): "duration",
}
"""What a difference and a sum of times are."""
ALL_NAMES: Final = sorted({*FUNCTIONS, *METHODS, "has"})


def no_function(name: str, *, is_method: bool, example: str) -> str:
    """Return what is wrong with a call of what there is not; ``example`` is a path."""
    if not is_method and name in METHODS:
        return f"{name}() comes after a dot, for example {example}.name.{name}(…)"
    if is_method and name in FUNCTIONS:
        return f"{name}() does not come after a dot, for example {name}({example}.name)"
    return f"there is no {name}(){near(name, ALL_NAMES)}; there are: {', '.join(ALL_NAMES)}"


def near(name: str, known: Collection[str]) -> str:
    by_lower = {one.lower(): one for one in known}
    near = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.75)
    return f" (is {by_lower[near[0]]} meant?)" if near else ""


def words_for(kind: str) -> str:
    return {
        "bool": "true or false",
        "number": "a number",
        "string": "a text",
        "bytes": "bytes",
        "null": "null",
        "list": "a list",
        "map": "an object",
        "timestamp": "a time",
        "duration": "a duration",
        "type": "a type",
        ANY: "a value that only a request or an event has",
    }[kind]


def counted(count: int) -> str:
    return "no argument" if count == 0 else "one argument" if count == 1 else f"{count} arguments"
