"""How long a workflow may work: an outage of the workers is not its work."""

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any, Final, TypeVar

from temporalio import workflow

T = TypeVar("T")

_LATE: Final = timedelta(seconds=10)
"""A timer is looked at within seconds of when it fires, unless no worker is there."""


async def within(work: Coroutine[Any, Any, T], *, limit: timedelta) -> T:
    """Return what the work returns. Raises ``TimeoutError`` after ``limit``, and cancels the work.

    The time counts from when a worker runs this. Where no worker was there when the time was over, it counts
    again from the beginning: how much of it was an outage is not on record, and no outage is a timeout.
    """
    task = asyncio.create_task(work)
    try:
        while True:
            deadline = workflow.now() + limit
            await workflow.wait([task], timeout=limit.total_seconds())
            if task.done():
                return task.result()
            if workflow.now() - deadline < _LATE:
                raise TimeoutError
    finally:
        task.cancel()
