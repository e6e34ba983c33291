"""What conditions and filters read: an event, or the payload of a webhook's delivery."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """``root`` is its name in a condition, ``part`` the field of it in examples; filters begin inside it."""

    root: str
    part: str

    @property
    def example(self) -> str:
        """A path in a condition to what the sender has written."""
        return f"{self.root}.{self.part}"


EVENT: Final = Subject(root="event", part="data")
"""A CloudEvent as JSON."""
PAYLOAD: Final = Subject(root="payload", part="body")
"""What a workflow gets of a request to a webhook: ``trigger.payload`` in its templates."""
