"""What a durable consumer reads, and what the errors of its handler mean."""

from collections.abc import Sequence
from dataclasses import dataclass


class RetryLaterError(Exception):
    """A dependency is unavailable: the message comes again until the handler succeeds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parking:
    """Where references to messages go that only a newer release reads, and the errors that say so."""

    stream: str
    subject: str
    errors: tuple[type[Exception], ...]


@dataclass(frozen=True, slots=True)
class Subscription:
    """Which messages a durable consumer reads, and which errors of their handler mean what.

    ``retry_on``, like ``RetryLaterError``: a dependency is unavailable. It is retried for ever, after pauses
    that grow to 30 s and leave room for others.
    ``parking``: only a newer release reads this version of the message. After some attempts it is parked,
    and read by ``parked_consumer``, so that any number of them leaves room for others.
    ``dead_letter_on``: the message can never be handled and is dead-lettered at once.
    ``refuse_on``: the message does not belong here, and anybody may send such ones. It is recorded under
    ``refused_subject``, in a stream that drops old ones, so that a flood takes no room from dead letters.
    Any other error is a defect: the message is dead-lettered after ``max_attempts`` of them. Each process
    counts for itself, and retries for an unavailable dependency do not count.
    An error in several tuples is retried before it is refused, and refused before it is dead-lettered.
    Messages are handled concurrently, up to ``concurrency``, in no order.
    """

    stream: str
    durable: str
    subjects: Sequence[str]
    dead_letter_subject: str
    dead_letter_on: tuple[type[Exception], ...] = ()
    refuse_on: tuple[type[Exception], ...] = ()
    refused_subject: str = ""
    retry_on: tuple[type[Exception], ...] = ()
    parking: Parking | None = None
    concurrency: int = 64
    ack_wait_seconds: float = 30.0
    max_attempts: int = 8
