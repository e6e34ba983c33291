"""How long Temporal's memory of what was started can be relied on.

Temporal refuses the id of a workflow that it knows, running or closed; a closed one it forgets when the
namespace's retention has passed since its end. The bus keeps messages for longer, and delivers all of them
again where a consumer is made anew. So a message that is about as old as the retention cannot be told from
one whose execution ran long ago.
"""

from datetime import timedelta
from typing import Final

_MARGIN: Final = timedelta(hours=1)
"""For clocks that differ, and for the way from the look at a message's age to its start."""

SHORTEST_MEMORY: Final = timedelta(minutes=30)
"""Temporal takes no retention under one hour."""


def sure_age(retention: timedelta) -> timedelta:
    """Return the age up to which a message's executions are still known, if they were started."""
    return retention - min(_MARGIN, retention / 2)
