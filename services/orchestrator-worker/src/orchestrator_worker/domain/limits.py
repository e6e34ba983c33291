"""How deep the values of an execution may nest; ``workflow_io.MAX_VALUE_BYTES`` is how large each may be."""

from typing import Final

MAX_DEPTH: Final = 200
"""How deep a node's output may nest: every later reader of it recurses."""

_MESSAGE_LENGTH: Final = 2000


def truncated(message: str) -> str:
    """Return an error's message in a length that every fact and every failure can hold."""
    return message if len(message) <= _MESSAGE_LENGTH else f"{message[: _MESSAGE_LENGTH - 1]}…"
