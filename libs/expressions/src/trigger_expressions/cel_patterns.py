"""What the pattern of ``matches()`` costs: the evaluator builds it again for each event.

The weights are about microseconds of the evaluator (the Rust crate ``regex``) on a slow machine. What is
repeated by a count is built as often, and the classes of Unicode are large.
"""

import re
from typing import Final

MAX_WORK: Final = 5_000
"""For all the patterns of a condition."""

_WEIGHTS: Final = {**dict.fromkeys("wWpP", 500), **dict.fromkeys("dD", 30), **dict.fromkeys("sS", 5)}
_ANY_OF_MANY: Final = 5
_COUNT: Final = re.compile(r"\{([0-9]{1,9})(?:,([0-9]{0,9}))?\}")
_ESCAPE: Final = re.compile(
    r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|(.))", re.DOTALL
)


def work_of(quoted: str) -> int:
    """Return what a pattern costs, from a string of CEL as it is written, in quotes."""
    return _work(_text_of(quoted))


def _text_of(quoted: str) -> str:
    """Return what a string stands for (https://github.com/google/cel-spec, "String and Bytes Values")."""
    start = min(place for place in (quoted.find('"'), quoted.find("'")) if place >= 0)
    inner = quoted[start + 1 : -1]
    if "r" in quoted[:start].lower():
        return inner

    def character(match: re.Match[str]) -> str:
        if (other := match[5]) is not None:
            return other
        if (octal := match[4]) is not None:
            return chr(int(octal, 8))
        return chr(min(int(match[1] or match[2] or match[3], 16), 0x10FFFF))

    return _ESCAPE.sub(character, inner)


def _work(pattern: str) -> int:
    """Add up what the parts cost; a count multiplies the part before it, be it a group."""
    sums, last = [0], 0
    position = 0
    while position < len(pattern):
        sign = pattern[position]
        if (count := _COUNT.match(pattern, position)) is not None:
            times = max(int(count[1]), int(count[2] or 0), 1)
            sums[-1] += last * (times - 1)
            last *= times
            position = count.end()
            continue
        if sign == "(":
            sums.append(0)
        elif sign == ")" and len(sums) > 1:
            last = sums.pop()
            sums[-1] += last
        else:
            last, position = _atom(pattern, position)
            sums[-1] += last
            continue
        position += 1
    return sum(sums)


def _atom(pattern: str, position: int) -> tuple[int, int]:
    """Return what the part at a position costs, and where the next one begins."""
    sign = pattern[position]
    if sign == "\\":
        return _WEIGHTS.get(pattern[position + 1 : position + 2], 1), position + 2
    if sign == ".":
        return _ANY_OF_MANY, position + 1
    if sign != "[":
        return 1, position + 1
    work, position = _ANY_OF_MANY, position + 1
    # A bracket that comes first in a class is one of its characters.
    position += len(re.compile(r"\^?\]?").match(pattern, position)[0])  # type: ignore[index]
    while position < len(pattern) and pattern[position] != "]":
        is_escape = pattern[position] == "\\"
        work += _WEIGHTS.get(pattern[position + 1 : position + 2], 1) if is_escape else 1
        position += 2 if is_escape else 1
    return work, position + 1
