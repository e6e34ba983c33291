"""What something was, on an earlier day."""

from collections.abc import Sequence
from datetime import datetime
from typing import TypeVar

from trigger_api.domain.recorded import Recorded

E = TypeVar("E")


class NeverSoError(Exception):
    """It did not exist then, or has no such version; the text says what."""


def state_as_of(
    history: Sequence[Recorded[E]], *, moment: datetime | int, what: str
) -> Sequence[Recorded[E]]:
    """Return the events of a history up to a version, or to a time (inclusive). Raises ``NeverSoError``."""
    if isinstance(moment, int):
        if not 1 <= moment <= len(history):
            raise NeverSoError(what)
        return history[:moment]
    # The last one by its version: the clocks of two writers may differ.
    upto = max((recorded.version for recorded in history if recorded.at <= moment), default=0)
    if not upto:
        raise NeverSoError(what)
    return history[:upto]
