"""A request to a webhook, from the socket to the bus.

1. ``WebhookRequest``: as it came over HTTP, before its body is read.
2. ``ReceivedRequest``: the same, with the time at which it came.
3. ``SignedRequest``: with the exact body, for the check of who sent it (``signed_request``).
4. ``Accepted``, ``Rejected`` or ``HandshakeReplied``: the verdict (``admission``).
5. ``RecordedRequest``: the request with its response, for the record (``delivery``).
6. ``AcceptedDelivery`` or ``RejectedDelivery``: the record, as the contracts define it. An accepted one is a
   ``PendingDelivery`` until the bus has confirmed it; only then the sender gets the response.
"""

from collections.abc import Sequence
from enum import Enum
from uuid import UUID

import msgspec

from trigger_contracts.config import Time


class BodyProblem(Enum):
    """Why there is no body to decide on."""

    TOO_LARGE = "too large"
    INCOMPLETE = "incomplete"
    TOO_SLOW = "too slow"


Body = bytes | BodyProblem

Fields = tuple[tuple[str, str], ...]
"""Names and values, in the order of the wire, repeated ones repeated."""


class Headers:
    """Header fields with lower-case names; values may hold surrogate escapes."""

    __slots__ = ("_values", "fields")

    def __init__(self, fields: Fields) -> None:
        self.fields = fields
        self._values: dict[str, list[str]] = {}
        for name, value in fields:
            if name in self._values:
                self._values[name].append(value)
            else:
                self._values[name] = [value]

    def values(self, name: str) -> Sequence[str]:
        """Return every value of a header; the name is in lower case."""
        return self._values.get(name, ())


_NO_HEADERS = Headers(())


# A Struct and not a dataclass, as all that is made for each request: a fifteenth of the cost.
class WebhookRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request as it came over HTTP. ``path`` is still percent-encoded."""

    request_id: str
    trigger_id: UUID | None
    """The trigger that the address names, at its place or beside it."""
    is_nearby: bool = False
    """Whether the address has more than that trigger's, or another form."""
    method: str
    path: str
    target: str = ""
    """Path and query exactly as they were sent: what providers sign of an address."""
    query: Fields = ()
    headers: Headers = _NO_HEADERS
    client_address: str | None = None

    def __repr__(self) -> str:
        # Neither headers nor query: credentials are in them.
        return f"WebhookRequest(request_id={self.request_id!r}, method={self.method!r}, path={self.path!r})"

    def values(self, name: str) -> Sequence[str]:
        """Return every value of a header; the name is in lower case."""
        return self.headers.values(name)

    @property
    def is_preflight(self) -> bool:
        """Whether a browser asks what it may send (Fetch standard, "CORS-preflight request")."""
        return bool(
            self.method == "OPTIONS"
            and self.values("origin")
            and self.values("access-control-request-method")
        )


class ReceivedRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request and when it came: ``begun`` is in seconds of a clock that only goes forward."""

    request: WebhookRequest
    received_at: Time
    begun: float
