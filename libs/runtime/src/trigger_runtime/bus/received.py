"""A message as the handlers see it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from nats.aio.msg import Msg


@dataclass(frozen=True, slots=True)
class Received:
    """Bytes from a stream. ``attempt`` is 1 for the first delivery to this consumer."""

    subject: str
    data: bytes
    stream: str
    sequence: int
    attempt: int
    pending: int
    stored_at: datetime
    headers: Mapping[str, str] = field(default_factory=dict)


def received(message: Msg) -> Received:
    """Return the message with the metadata of its reply subject."""
    metadata = message.metadata
    return Received(
        subject=message.subject,
        data=message.data,
        stream=metadata.stream,
        sequence=metadata.sequence.stream,
        attempt=metadata.num_delivered or 1,
        pending=metadata.num_pending or 0,
        stored_at=metadata.timestamp,
        headers=message.headers or {},
    )
