"""What is known of a request before its body has been read."""

from dataclasses import dataclass, field
from enum import Enum
from uuid import UUID


class BodyTrouble(Enum):
    """Why there is no body to decide on."""

    TOO_LARGE = "too large"
    INCOMPLETE = "incomplete"
    TOO_SLOW = "too slow"


Body = bytes | BodyTrouble


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookRequest:
    """As it came: header values may hold surrogate escapes. ``path`` is still percent-encoded.

    ``headers`` has lower-case names, in the order of the wire, repeated ones repeated.
    """

    request_id: str
    trigger_id: UUID | None
    below_id: UUID | None = None
    """Where the address is no trigger's: the one that it lies below. Only its secrets are of interest."""
    method: str
    path: str
    target: str = field(default="", repr=False)
    """Path and query exactly as they were sent: what providers sign of an address."""
    query: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    client_address: str | None = None

    def values(self, name: str) -> tuple[str, ...]:
        """Return every value of a header, given by its lower-case name."""
        return tuple(value for key, value in self.headers if key == name)

    @property
    def is_preflight(self) -> bool:
        """Whether a browser asks what it may send (Fetch standard, "CORS-preflight request")."""
        return bool(
            self.method == "OPTIONS"
            and self.values("origin")
            and self.values("access-control-request-method")
        )
