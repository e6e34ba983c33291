"""Publishes a CloudEvent as any internal service would, with a plain NATS client."""

import uuid
from datetime import UTC, datetime
from typing import Any

import msgspec
import nats
from nats.errors import Error as NatsError


class PublishError(RuntimeError):
    """The bus did not store the event."""


async def publish(nats_url: str, *, event_type: str, source: str, data: Any) -> str:
    """Stores one CloudEvent 1.0 on `events.<type>` and returns its id. Raises PublishError."""
    event_id = str(uuid.uuid4())
    event = {
        "specversion": "1.0",
        "id": event_id,
        "source": source,
        "type": event_type,
        "time": datetime.now(UTC),
        "datacontenttype": "application/json",
        "data": data,
    }
    try:
        client = await nats.connect(nats_url, allow_reconnect=False, connect_timeout=5)
        try:
            await client.jetstream(timeout=5).publish(f"events.{event_type}", msgspec.json.encode(event))
        finally:
            await client.close()
    except (NatsError, OSError) as error:
        raise PublishError(
            f"the bus did not store the event: {str(error) or type(error).__name__}"
        ) from error
    return event_id
