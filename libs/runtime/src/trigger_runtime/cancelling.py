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


def raise_if_cancelled() -> None:
    """Raise ``CancelledError`` where this task was cancelled and a library swallowed that.

    Besides ``asyncio.wait_for`` (above), closing a NATS client swallows a cancellation. A loop that tries for
    ever calls this once a round: while its server refused connections, one cancellation in ten was lost.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
