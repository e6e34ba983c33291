"""What is known of a request before its body has been read."""

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


_Fields = tuple[tuple[str, str], ...]


# A Struct and no dataclass, as all that is made anew for each request: a fifteenth of the cost.
class WebhookRequest(msgspec.Struct, frozen=True, kw_only=True):
    """As it came: header values may hold surrogate escapes. ``path`` is still percent-encoded.

    ``headers`` has lower-case names, in the order of the wire, repeated ones repeated.
    """

    request_id: str
    trigger_id: UUID | None
    below_id: UUID | None = None
    """Where the address is no trigger's: the one that it lies below. Only its secrets are of interest."""
    method: str
    path: str
    target: str = ""
    """Path and query exactly as they were sent: what providers sign of an address."""
    query: _Fields = ()
    headers: _Fields = ()
    client_address: str | None = None
    by_name: dict[str, list[str]] | None = None
    """The headers once more, made when they are first asked for."""

    def __repr__(self) -> str:
        # Neither headers nor query: credentials are in them.
        return f"WebhookRequest(request_id={self.request_id!r}, method={self.method!r}, path={self.path!r})"

    def values(self, name: str) -> Sequence[str]:
        """Return every value of a header, given by its lower-case name."""
        found = self.by_name
        if found is None:
            found = {}
            for key, value in self.headers:
                found.setdefault(key, []).append(value)
            msgspec.structs.force_setattr(self, "by_name", found)
        return found.get(name, ())

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
