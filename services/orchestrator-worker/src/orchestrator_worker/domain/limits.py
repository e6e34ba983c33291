"""How large the values of an execution may get; ``workflow_io.MAX_INPUT_BYTES`` is the limit of Temporal."""

from typing import Final

MAX_VALUE_BYTES: Final = 3 * 1024 * 1024 // 2
"""A payload or a node's output as JSON. A webhook's body of 1 MiB is 1.4 MiB as base64 and must fit, also as
the output of a definition that hands it on."""

MAX_DEPTH: Final = 200
"""How deep a node's output may nest: every later reader of it recurses."""

_MESSAGE_LENGTH: Final = 2000


def truncated(message: str) -> str:
    """Return an error's message in a length that every fact and every failure can hold."""
    return message if len(message) <= _MESSAGE_LENGTH else f"{message[: _MESSAGE_LENGTH - 1]}…"
