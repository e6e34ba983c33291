"""Which header fields a webhook trigger may add to its answers: asked when it is saved, and at the door."""

import re
from typing import Final

# What frames the message or concerns the connection (RFC 9110, 7.6.1; RFC 9112, 6), what browsers act on for
# the whole host, which is everybody's, and what this service says itself.
_REFUSED: Final = re.compile(
    r"content-length|transfer-encoding|connection|keep-alive|te|trailer|upgrade|proxy-.*|content-encoding"
    r"|date|server|via|host|age|allow|www-authenticate|retry-after|location|content-location|refresh"
    r"|set-cookie2?|clear-site-data|strict-transport-security|public-key-pins.*|alt-svc|expect-ct"
    r"|service-worker-allowed|content-security-policy.*|x-content-type-options|x-frame-options|nel|report.*"
    r"|permissions-policy|access-control-.*|cross-origin-.*|sec-.*|vary|ratelimit.*|x-request-id"
    r"|x-execution-id",
    re.ASCII | re.IGNORECASE,
)
_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}", re.ASCII)
_VALUE: Final = re.compile(r"[\x20-\x7e]{0,1000}", re.ASCII)


def may_be_sent(name: str, *, value: str) -> bool:
    """Tell whether a field may be added; a line break in it could begin another one."""
    return bool(_NAME.fullmatch(name) and _VALUE.fullmatch(value) and not _REFUSED.fullmatch(name))
