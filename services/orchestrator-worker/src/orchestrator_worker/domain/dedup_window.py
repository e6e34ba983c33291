"""How long Temporal recognises what was started before.

Temporal refuses the id of a workflow that it knows, running or closed. It forgets a closed one when the
namespace's retention has passed since its end. The bus keeps messages for longer, and delivers all of them
again where a consumer is recreated. So a message that is about as old as the retention may belong to an
execution that ran long ago.
"""

from datetime import timedelta
from typing import Final

_MARGIN: Final = timedelta(hours=1)
"""For clocks that differ, and for the time from the check of a message's age to its start."""

SHORTEST_WINDOW: Final = timedelta(minutes=30)
"""Temporal takes no retention under one hour."""


def safe_age(retention: timedelta) -> timedelta:
    """Return the age up to which Temporal still knows a message's executions, if they were started."""
    return retention - min(_MARGIN, retention / 2)
