"""The memory of bodies that are still coming."""

from webhook_ingress.ports import UnavailableError


class BodyBudget:
    """How many bytes of bodies may be held at a time while they are being read.

    Any caller may send a large body, slowly, and on many connections: each is bounded in size and in time,
    and this bounds all of them. One that does not fit gets a 503.
    """

    def __init__(self, total_bytes: int) -> None:
        self._total = total_bytes
        self.held_bytes = 0

    def take(self, count: int) -> None:
        """Take some; ``UnavailableError`` where there is not enough."""
        if count > self._total - self.held_bytes:
            raise UnavailableError("Too many large requests are under way. Try again shortly.")
        self.held_bytes += count

    def give_back(self, count: int) -> None:
        """Give some back."""
        self.held_bytes -= count
