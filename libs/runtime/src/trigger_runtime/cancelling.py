"""Ending tasks."""

import asyncio
from collections.abc import Iterable
from typing import Any


async def cancel(tasks: Iterable[asyncio.Task[Any]], *, again_seconds: float = 1.0) -> None:
    """Cancel the tasks and wait until they have ended, however they end.

    A task that goes on is cancelled again after ``again_seconds``: ``asyncio.wait_for`` of Python 3.11,
    on which the clients of our servers are built, loses a cancellation that meets its result
    (bpo-42130, mended in 3.12).
    """
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=again_seconds)
