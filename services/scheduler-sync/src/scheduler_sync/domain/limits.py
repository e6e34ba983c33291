"""How large a schedule may be.

Temporal refuses an input over 2 MiB (``limit.blobSize.error``), and gRPC a message over 4 MiB, the
second with the code of an overloaded server: it would look as if waiting could help. So it is found here,
before anything is sent.
"""

from typing import Final

import msgspec

from trigger_contracts.workflow_io import TriggeredInput

MAX_INPUT_BYTES: Final = 2 * 1024 * 1024 - 64 * 1024
"""The input of a schedule's runs as JSON, with room for its metadata and the rest of the request."""


def encoded_size(given: TriggeredInput) -> int:
    """Return the bytes of an input as Temporal gets it."""
    return len(msgspec.json.encode(given))
