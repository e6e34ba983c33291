"""The connection to NATS: non-blocking start, publishing with a deadline, streams that exist."""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
import structlog
from nats import errors as nats_errors
from nats.aio.client import DEFAULT_MAX_PAYLOAD_SIZE, Client
from nats.js import JetStreamContext
from nats.js import errors as js_errors

from trigger_runtime import backoff
from trigger_runtime.bus.answers import (
    BusUnavailableError,
    MessageTooLargeError,
    StoredMessage,
    WrongLastSequenceError,
    confirmed,
    last_message,
)
from trigger_runtime.bus.round_trip import describe, request_reply
from trigger_runtime.bus.stream_shape import StreamShape, ensure
from trigger_runtime.cancelling import cancel, raise_if_cancelled

__all__ = [
    "Bus",
    "BusUnavailableError",
    "MessageTooLargeError",
    "StoredMessage",
    "WrongLastSequenceError",
    "describe",
]

log = structlog.stdlib.get_logger(__name__)

# The second unanswered ping is a dead peer: a half-open connection is noticed within 8 s.
_PING_SECONDS = 4


# How long a client whose reconnecting has ended by itself can stay unnoticed.
_LOOK_SECONDS = 2.0

_CLOSE_SECONDS: Final = 2.0


class Bus:
    """One connection, kept up for the life of the process.

    ``start`` returns at once; ``ready`` waits until the connection stands and the streams exist, which
    is looked at again after each reconnect: the server may have come back without its data.
    Publishes are never buffered while the connection is down: one that was given up on must not go
    out after the reconnect, when its sender has already been told that it failed.
    """

    name = "bus"

    def __init__(
        self, *, url: str, client_name: str, streams: Sequence[StreamShape] = (), replicas: int = 1
    ) -> None:
        self._servers = [server.strip() for server in url.split(",")]
        self._client_name = client_name
        self._streams = list(streams)
        self._replicas = replicas
        self._usable = asyncio.Event()
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._client: Client | None = None
        self._js: JetStreamContext | None = None

    async def start(self) -> None:
        """Begin to connect."""
        self._task = asyncio.create_task(self._keep_usable(), name="bus-connect")

    async def stop(self) -> None:
        """Flush what was published and close."""
        if self._task is not None:
            await cancel([self._task])
        self._usable.clear()
        if self._client is None:
            return
        if self._client.is_connected:
            with contextlib.suppress(nats_errors.Error, TimeoutError, OSError):
                await self._client.flush(timeout=2)
        await self._client.close()

    async def ready(self) -> None:
        """Wait until the bus can be used. While it can, this returns at once."""
        await self._usable.wait()

    def check(self) -> str | None:
        """Return why the bus cannot be used now, or ``None``."""
        if self._js is None:
            return "not connected yet"
        return None if self._usable.is_set() else "connection lost"

    @property
    def client(self) -> Client:
        """The connection itself, for subscriptions and requests; ``BusUnavailableError`` before the first.

        It is another one after the server has closed the connection for good (an authorization that ran
        out, a protocol violation), so it is asked for anew for each use and never kept.
        """
        if self._js is None or self._client is None:
            raise BusUnavailableError("not connected yet")
        return self._client

    @property
    def js(self) -> JetStreamContext:
        """JetStream; ``BusUnavailableError`` before the first connection. As fleeting as ``client``."""
        if self._js is None:
            raise BusUnavailableError("not connected yet")
        return self._js

    @property
    def max_payload(self) -> int:
        """Bytes that one message may hold, headers included, as the server said (NATS's default before)."""
        return self._client.max_payload if self._client is not None else DEFAULT_MAX_PAYLOAD_SIZE

    async def publish(
        self,
        subject: str,
        data: bytes,
        *,
        message_id: str | None = None,
        timeout: float = 2.0,
        headers: Mapping[str, str] | None = None,
        after: int | None = None,
    ) -> int:
        """Store a message; return its stream sequence once the bus has confirmed it.

        ``message_id`` lets the server drop a repetition within the stream's duplicate window; a
        dropped repetition is a success. ``after`` is the sequence that the subject's last message has to
        have, 0 where there must be none. Raises ``BusUnavailableError`` (``WrongLastSequenceError`` where
        the last message is another one) or ``MessageTooLargeError``, and ``ValueError`` for a subject or a
        header name that can never be sent.
        """
        all_headers = dict(headers or {})
        if message_id:
            all_headers["Nats-Msg-Id"] = message_id
        if after is not None:
            all_headers["Nats-Expected-Last-Subject-Sequence"] = str(after)
        client = self.client
        # The client library compares the data alone, and the server closes the connection of whoever
        # sends more than its limit, headers included: one large message would cut everybody off.
        if len(data) + _size(all_headers) > client.max_payload:
            raise MessageTooLargeError(f"{len(data)} bytes for {subject}")
        answer = await request_reply(client, subject=subject, data=data, timeout=timeout, headers=all_headers)
        return confirmed(answer, size=len(data), subject=subject)

    async def last(self, stream: str, *, subject: str, timeout: float = 5.0) -> bytes | None:
        """Return the data of a subject's last message: see ``last_stored``."""
        found = await self.last_stored(stream, subject=subject, timeout=timeout)
        return None if found is None else found.data

    async def last_stored(self, stream: str, *, subject: str, timeout: float = 5.0) -> StoredMessage | None:
        """Return the last message of a subject, from the stream's leader; ``None`` where there is none.

        Raises ``BusUnavailableError``, also where the stream itself does not exist.
        """
        request = msgspec.json.encode({"last_by_subj": subject})
        api_subject = f"$JS.API.STREAM.MSG.GET.{stream}"
        answer = await request_reply(
            self.client, subject=api_subject, data=request, timeout=timeout, headers={}
        )
        return last_message(answer)

    def tasks(self) -> Sequence[asyncio.Task[None]]:
        """Return what runs until the bus is stopped."""
        return [self._task] if self._task is not None else []

    async def _keep_usable(self) -> None:
        while True:
            self._changed.clear()
            await self._make_usable()
            while not self._changed.is_set():
                await self._look()

    async def _look(self) -> None:
        """Wait for a change; close a client that is to reconnect while nothing of it does."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LOOK_SECONDS):
                await self._changed.wait()
        client = self._client
        if client is None or client.is_connected or client.is_closed:
            return
        # Also the library's reconnecting ends at an error that it does not expect.
        trying = client._reconnection_task  # noqa: SLF001
        if trying is not None and trying.done():
            error = None if trying.cancelled() else trying.exception()
            log.error("bus reconnecting ended by itself; connecting anew", exc_info=error)
            await _closed(client)
            self._changed.set()

    async def _make_usable(self) -> None:
        attempt = 0
        while True:
            try:
                await self._connect()
                return
            except (nats_errors.Error, js_errors.Error, TimeoutError, OSError) as error:
                reason = describe(error)
            except Exception as error:
                # Nothing else would ever try again, so a surprise must not end this task.
                log.exception("bus not usable yet")
                reason = type(error).__name__
            raise_if_cancelled()
            attempt += 1
            log.warning("bus not usable yet", reason=reason, attempt=attempt)
            await asyncio.sleep(backoff.delay(attempt, cap=5.0))

    async def _connect(self) -> None:
        if self._client is None or self._client.is_closed:
            self._client = await self._connected()
        js = self._client.jetstream()
        for stream in self._streams:
            await ensure(js, stream=stream, replicas=self._replicas)
        self._js = js
        if self._client.is_connected:
            self._usable.set()
            log.info("bus connected", streams=[stream.name for stream in self._streams])

    async def _connected(self) -> Client:
        """Return a client that is connected; one that did not get there is closed, however it failed."""
        client = Client()
        try:
            await client.connect(
                servers=self._servers,
                name=self._client_name,
                max_reconnect_attempts=-1,
                reconnect_time_wait=1,
                connect_timeout=2,
                ping_interval=_PING_SECONDS,
                max_outstanding_pings=1,
                pending_size=0,
                error_cb=_on_error,
                disconnected_cb=self._on_disconnected,
                reconnected_cb=self._on_reconnected,
                closed_cb=self._on_closed,
            )
        except BaseException:
            # Half-made it would neither be closed, so that another is made, nor ever be connected.
            await _closed(client)
            raise
        return client

    async def _on_disconnected(self) -> None:
        self._usable.clear()
        log.warning("bus disconnected")
        if self._client is not None:
            # What the socket no longer took is kept by the library and sent after the reconnect, also
            # with ``pending_size=0``. Subscriptions are not lost by this: the library repeats them.
            self._client._pending.clear()  # noqa: SLF001
            self._client._pending_data_size = 0  # noqa: SLF001

    async def _on_reconnected(self) -> None:
        log.info("bus reconnected")
        self._changed.set()

    async def _on_closed(self) -> None:
        log.warning("bus connection closed")
        self._changed.set()


def _size(headers: Mapping[str, str]) -> int:
    """Return the bytes that headers take on the wire."""
    if not headers:
        return 0
    lines = sum(len(name.encode()) + len(value.encode()) + len(": \r\n") for name, value in headers.items())
    return len("NATS/1.0\r\n") + lines + len("\r\n")


async def _closed(client: Client) -> None:
    """Close, within a bound and whatever state the client is in."""
    try:
        async with asyncio.timeout(_CLOSE_SECONDS):
            await client.close()
    except Exception as error:  # noqa: BLE001 - it is given up on in any case
        log.warning("bus connection not closed cleanly", reason=describe(error))


async def _on_error(error: Any) -> None:
    # The library's loop over the servers never ends by itself, and loses a cancellation that meets a refusal.
    raise_if_cancelled()
    log.warning("bus error", reason=describe(error))
