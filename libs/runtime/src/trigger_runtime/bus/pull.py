"""Pulling from a JetStream consumer without waiting for a batch to fill.

nats-py's ``fetch(n)`` returns only when n messages are there or its time is over. That makes a lone
message late, and a missing consumer looks like an ordinary time-out. Here a request for a batch stays
open at the server while its messages are yielded one by one, and the server's idle heartbeats tell a
quiet stream from a lost one.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Final

import msgspec
from nats import errors as nats_errors
from nats.aio.client import Client
from nats.aio.msg import Msg

from trigger_runtime.bus.jetstream_api import BusUnavailableError, describe

_HEARTBEAT: Final = "100"
_REQUEST_ENDED: Final = ("404", "408")
_POLL_SECONDS: Final = 1.0


class PullLostError(BusUnavailableError):
    """The consumer or the connection is lost; pull again from a new or the same consumer."""


async def pull_messages(
    client: Client,
    *,
    stream: str,
    consumer: str,
    capacity: Callable[[], Awaitable[int]],
    expires: float = 30.0,
    heartbeat: float = 3.0,
) -> AsyncGenerator[Msg, None]:
    """Yield messages as they come.

    ``capacity`` is awaited before each request: it waits until the caller can take messages and returns how
    many. Each message is yielded at once, so none waits here unread while its acknowledgement falls due.
    Raises ``PullLostError``.
    """
    inbox = client.new_inbox()
    arrived: asyncio.Queue[Msg] = asyncio.Queue()
    try:
        # The request bounds what can be pending, so the client's own limits would only drop messages.
        # A callback, since the library's ``next_msg`` makes two tasks for each message.
        subscription = await client.subscribe(
            inbox, cb=arrived.put, pending_msgs_limit=-1, pending_bytes_limit=-1
        )
    except nats_errors.Error as error:
        raise _lost(consumer, reason=describe(error)) from error
    try:
        while True:
            remaining = await capacity()
            reconnects = client.stats["reconnects"]
            request = {
                "batch": remaining,
                "expires": int(expires * 1e9),
                "idle_heartbeat": int(heartbeat * 1e9),
            }
            await client.publish(
                f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}", msgspec.json.encode(request), reply=inbox
            )
            while remaining:
                message = await _next(
                    arrived,
                    patience=2 * heartbeat + 1,
                    lost=lambda: not client.is_connected or client.stats["reconnects"] != reconnects,  # noqa: B023
                )
                # Only messages of a stream have a reply subject. A header proves nothing: any client can
                # publish one that is called Status.
                if message.reply:
                    remaining -= 1
                    yield message
                elif _ends_request(message, consumer=consumer):
                    break
    except (nats_errors.Error, OSError) as error:
        raise _lost(consumer, reason=describe(error)) from error
    finally:
        # Also while the connection is down: the library would subscribe again after the reconnect.
        with contextlib.suppress(nats_errors.Error, OSError):
            await subscription.unsubscribe()


async def _next(arrived: asyncio.Queue[Msg], *, patience: float, lost: Callable[[], bool]) -> Msg:
    """Return the next message. A request from an earlier connection gets no messages any more."""
    if not arrived.empty():
        return arrived.get_nowait()
    waited = 0.0
    while True:
        try:
            async with asyncio.timeout(_POLL_SECONDS):
                return await arrived.get()
        except TimeoutError:
            waited += _POLL_SECONDS
        if lost():
            raise PullLostError("the connection was lost")
        if waited >= patience:
            raise PullLostError("no heartbeat")


def _ends_request(status: Msg, *, consumer: str) -> bool:
    """Tell whether the server has closed the request; ``PullLostError`` where it refuses the next one."""
    headers = status.headers or {}
    code = headers.get("Status", "")
    if code == _HEARTBEAT:
        return False
    if code in _REQUEST_ENDED:
        return True
    raise _lost(consumer, reason=f"{code} {headers.get('Description', '').strip()}")


def _lost(consumer: str, *, reason: str) -> PullLostError:
    return PullLostError(f"consumer {consumer}: {reason}")
