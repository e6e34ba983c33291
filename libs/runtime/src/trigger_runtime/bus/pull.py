"""Pulling from a JetStream consumer without waiting for a batch to fill.

nats-py's ``fetch(n)`` returns only when n messages are there or its time is over, which makes a lone
message late, and hides a consumer that is gone behind an ordinary time-out. Here a request for a
batch stays open at the server while its messages are handed on one by one, and the server's idle
heartbeats tell a quiet stream from a lost one.
"""

from collections.abc import AsyncGenerator

import msgspec
from nats import errors as nats_errors
from nats.aio.client import Client
from nats.aio.msg import Msg

_HEARTBEAT = "100"
_REQUEST_ENDED = ("404", "408")


class PullLostError(Exception):
    """The consumer or the connection is gone; pull again from a new or the same consumer."""


async def messages(
    client: Client,
    *,
    stream: str,
    consumer: str,
    batch: int,
    expires: float = 30.0,
    heartbeat: float = 3.0,
) -> AsyncGenerator[Msg, None]:
    """Yield messages as they come; a further batch is asked for when the caller wants more.

    At most ``batch`` messages are with the caller and unread at any time. Raises ``PullLostError``.
    """
    inbox = client.new_inbox()
    request = msgspec.json.encode(
        {"batch": batch, "expires": int(expires * 1e9), "idle_heartbeat": int(heartbeat * 1e9)}
    )
    # The request bounds what can be pending, so the client's own limits would only drop messages.
    subscription = await client.subscribe(inbox, pending_msgs_limit=-1, pending_bytes_limit=-1)
    try:
        while True:
            await client.publish(f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}", request, reply=inbox)
            left = batch
            while left:
                message = await subscription.next_msg(timeout=2 * heartbeat + 1)
                status = message.headers.get("Status") if message.headers else None
                if status is None:
                    left -= 1
                    yield message
                elif status in _REQUEST_ENDED:
                    break
                elif status != _HEARTBEAT:
                    reason = (message.headers or {}).get("Description", status)
                    raise PullLostError(f"consumer {consumer}: {reason}")
    except (nats_errors.Error, OSError) as error:
        raise PullLostError(f"consumer {consumer}: {str(error) or type(error).__name__}") from error
    finally:
        if client.is_connected:
            await subscription.unsubscribe()
