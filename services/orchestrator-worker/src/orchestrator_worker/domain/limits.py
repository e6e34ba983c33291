"""How large things may get on their way through Temporal.

Temporal refuses a payload over 2 MiB (``limit.blobSize.error``) and a gRPC message over 4 MiB, the
second with the code of an overloaded server. What is over a limit is therefore found here, before it
is sent: a refusal would come back in forms that look as if waiting could help.
"""

from typing import Any, Final

import msgspec

_MIB: Final = 1024 * 1024

MAX_BLOB_BYTES: Final = 2 * _MIB - 64 * 1024
"""An input or result as JSON, with room for its metadata and for memo and headers beside it."""

MAX_VALUE_BYTES: Final = 3 * _MIB // 2
"""A payload or a node's output as JSON. A webhook's body of 1 MiB is 1.4 MiB as base64 and must fit, also as
the output of a definition that hands it on."""

MAX_DEPTH: Final = 200
"""How deep a node's output may nest: every later reader of it recurses."""


def encoded_size(value: Any) -> int:
    """Return the bytes of a value as JSON."""
    return len(msgspec.json.encode(value))
