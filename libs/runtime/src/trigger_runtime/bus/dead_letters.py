"""The records of messages that a durable consumer gave up on: what it was, which one, and why."""

import re
import time
from typing import Final

import structlog

from trigger_runtime.bus.connection import Bus, MessageTooLargeError
from trigger_runtime.bus.jetstream_api import Received

log = structlog.stdlib.get_logger(__name__)

REASON: Final = "Dead-Reason"
SUBJECT: Final = "Dead-Subject"
SEQUENCE: Final = "Dead-Sequence"
ATTEMPTS: Final = "Dead-Attempts"
DATA_LEFT_IN: Final = "Dead-Data-Left-In"
OURS: Final = frozenset((REASON, SUBJECT, SEQUENCE, ATTEMPTS, DATA_LEFT_IN))
"""The headers of a record; all others are those of the message."""

_LOG_SECONDS: Final = 1.0
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+", re.ASCII)


async def publish_record(bus: Bus, *, item: Received, subject: str, durable: str, reason: str) -> None:
    """Store the message under ``subject`` with the reason in its headers, once however often it is tried.

    Raises what ``Bus.publish`` raises. A message that is over the limit with these headers is recorded
    without its data.
    """
    message_id = f"{item.stream}:{durable}:{item.sequence}"
    ours = {
        REASON: " ".join(reason.split())[:500],
        SUBJECT: item.subject,
        SEQUENCE: str(item.sequence),
        ATTEMPTS: str(item.attempt),
    }
    theirs = {
        name: value
        for name, value in item.headers.items()
        # A name that a laxer client has sent would make the whole record invalid.
        if _HEADER_NAME.fullmatch(name) and not name.startswith("Nats-")
    }
    try:
        await bus.publish(subject, item.data, message_id=message_id, headers={**theirs, **ours})
    except MessageTooLargeError:
        await bus.publish(subject, b"", message_id=message_id, headers={**ours, DATA_LEFT_IN: item.stream})


class RefusalLog:
    """Logs refused messages, at most one line a second: a flood of them must not become one of the log."""

    def __init__(self) -> None:
        self._unlogged = 0
        self._next_at = 0.0

    def note(self, item: Received, *, durable: str, reason: str) -> None:
        """Log this one, or count it for the next line."""
        self._unlogged += 1
        if time.monotonic() < self._next_at:
            return
        self._next_at = time.monotonic() + _LOG_SECONDS
        log.warning(
            "message refused",
            durable=durable,
            reason=reason,
            subject=item.subject,
            refused_since_last_line=self._unlogged,
        )
        self._unlogged = 0
