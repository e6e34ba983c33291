"""How deep JSON nests. There is a limit, for every later reader recurses."""

import re
from itertools import accumulate
from typing import Any, Final

_STRING: Final = re.compile(rb'"(?:[^"\\]|\\.)*"')
_NO_BRACKETS: Final = bytes(byte for byte in range(256) if byte not in b"[]{}")


def nesting(value: Any) -> int:
    """Return how deep lists and objects nest, without recursing."""
    depth, level = 0, [value]
    while level := [item for item in level if isinstance(item, dict | list)]:
        depth += 1
        level = [child for item in level for child in (item.values() if isinstance(item, dict) else item)]
    return depth


def nesting_of_text(data: bytes) -> int:
    """Return how deep lists and objects of well-formed JSON text nest, without decoding it."""
    brackets = _STRING.sub(b"", data).translate(None, delete=_NO_BRACKETS)
    return max(accumulate((1 if byte in b"[{" else -1 for byte in brackets), initial=0))
