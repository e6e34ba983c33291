"""The connection to NATS: non-blocking start, publishing with a deadline, streams that exist."""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

import structlog
from nats import errors as nats_errors
from nats.aio.client import DEFAULT_MAX_PAYLOAD_SIZE, Client
from nats.js import JetStreamContext

from trigger_runtime import backoff
from trigger_runtime.bus import jetstream_api
from trigger_runtime.bus.jetstream_api import (
    OUTAGE,
    BusUnavailableError,
    MessageTooLargeError,
    StoredMessage,
    StreamFullError,
    StreamState,
    WrongLastSequenceError,
    describe,
)
from trigger_runtime.bus.stream_definition import StreamDefinition, ensure_stream
from trigger_runtime.lifecycle import BackgroundTask, cancel, raise_if_cancelled

__all__ = [
    "Bus",
    "BusUnavailableError",
    "MessageTooLargeError",
    "StoredMessage",
    "StreamFullError",
    "WrongLastSequenceError",
    "describe",
]

log = structlog.stdlib.get_logger(__name__)

_CLOSE_SECONDS: Final = 2.0


class Bus(BackgroundTask):
    """One connection, kept up for the life of the process.

    ``start`` returns at once; ``ready`` waits until the connection stands and the streams exist, which
    is checked again after each reconnect: the server may have come back without its data.
    Publishes are never buffered while the connection is down: one that was given up on must not go
    out after the reconnect, when its sender already counts it as failed.
    """

    def __init__(
        self,
        *,
        url: str,
        client_name: str,
        streams: Sequence[StreamDefinition] = (),
        replicas: int = 1,
        ping_seconds: int = 4,
        poll_seconds: float = 2.0,
    ) -> None:
        """The second ping without a pong is a dead peer: twice ``ping_seconds`` until that is noticed.

        ``poll_seconds`` is how long a client whose reconnecting has ended by itself can stay unnoticed.
        """
        super().__init__("bus", self._keep_usable)
        self._servers = [server.strip() for server in url.split(",")]
        self._client_name = client_name
        self._streams = list(streams)
        self._replicas = replicas
        self._ping_seconds = ping_seconds
        self._poll_seconds = poll_seconds
        self._usable = asyncio.Event()
        self._changed = asyncio.Event()
        self._client: Client | None = None
        self._js: JetStreamContext | None = None

    async def stop(self) -> None:
        """Flush what was published and close."""
        await cancel(self.tasks())
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
        out, a protocol violation), so callers ask for it before each use and never keep it.
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
        dropped repetition is a success. ``after`` is the expected sequence of the subject's last message,
        0 for a subject without messages. Raises ``BusUnavailableError`` (``WrongLastSequenceError`` where
        the last message is another one) or ``MessageTooLargeError``, and ``ValueError`` for a subject or a
        header name that can never be sent.
        """
        all_headers = dict(headers or {})
        if message_id:
            all_headers["Nats-Msg-Id"] = message_id
        if after is not None:
            all_headers["Nats-Expected-Last-Subject-Sequence"] = str(after)
        client = self.client
        # The client library compares the data alone. The server closes the connection that sends more than
        # its limit, headers included: one large message would cut off every publisher of this process.
        if len(data) + _size(all_headers) > client.max_payload:
            raise MessageTooLargeError(f"{len(data)} bytes for {subject}")
        return await jetstream_api.publish(
            client, subject=subject, data=data, timeout=timeout, headers=all_headers
        )

    async def last(self, stream: str, *, subject: str, timeout: float = 5.0) -> bytes | None:
        """Return the data of a subject's last message: see ``last_stored``."""
        message = await self.last_stored(stream, subject=subject, timeout=timeout)
        return None if message is None else message.data

    async def stored(self, stream: str, *, sequence: int, timeout: float = 5.0) -> StoredMessage | None:
        """Return a message from the stream's leader, ``None`` where the stream does not have it any more.

        Raises ``BusUnavailableError``, also where the stream itself does not exist.
        """
        return await jetstream_api.get_message(
            self.client, stream=stream, request={"seq": sequence}, timeout=timeout
        )

    async def last_stored(self, stream: str, *, subject: str, timeout: float = 5.0) -> StoredMessage | None:
        """Return the last message of a subject, from the stream's leader; ``None`` for an empty subject.

        Raises ``BusUnavailableError``, also where the stream itself does not exist.
        """
        return await jetstream_api.get_message(
            self.client, stream=stream, request={"last_by_subj": subject}, timeout=timeout
        )

    async def stream_state(self, stream: str) -> StreamState:
        """Ask the stream's leader. Raises ``BusUnavailableError``, also where the stream does not exist."""
        return await jetstream_api.stream_state(self.client, stream=stream)

    async def _keep_usable(self) -> None:
        while True:
            self._changed.clear()
            await self._make_usable()
            while not self._changed.is_set():
                await self._poll()

    async def _poll(self) -> None:
        """Wait for a change; close a client whose reconnecting has ended by itself."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._poll_seconds):
                await self._changed.wait()
        client = self._client
        if client is None or client.is_connected or client.is_closed:
            return
        # The library's reconnecting ends at an error that it does not expect, and only its task shows that.
        reconnecting = client._reconnection_task  # noqa: SLF001
        if reconnecting is not None and reconnecting.done():
            error = None if reconnecting.cancelled() else reconnecting.exception()
            log.error("bus reconnecting ended by itself; connecting with a new client", exc_info=error)
            await _closed(client)
            self._changed.set()

    async def _make_usable(self) -> None:
        attempt = 0
        while True:
            try:
                await self._connect()
                return
            except OUTAGE as error:
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
            await ensure_stream(js, stream=stream, replicas=self._replicas)
        self._js = js
        if self._client.is_connected:
            self._usable.set()
            log.info("bus connected", streams=[stream.name for stream in self._streams])

    async def _connected(self) -> Client:
        """Return a client that is connected; one that fails to connect is closed."""
        client = Client()
        try:
            await client.connect(
                servers=self._servers,
                name=self._client_name,
                max_reconnect_attempts=-1,
                reconnect_time_wait=1,
                connect_timeout=2,
                ping_interval=self._ping_seconds,
                max_outstanding_pings=1,
                pending_size=0,
                error_cb=_on_error,
                disconnected_cb=self._on_disconnected,
                reconnected_cb=self._on_reconnected,
                closed_cb=self._on_closed,
            )
        except BaseException:
            # Half connected it would neither count as closed, which makes another, nor ever connect.
            await _closed(client)
            raise
        return client

    async def _on_disconnected(self) -> None:
        self._usable.clear()
        log.warning("bus disconnected")
        if self._client is not None:
            # The library keeps what the socket no longer took and sends it after the reconnect, also
            # with ``pending_size=0``, and has no public way to drop it. Subscriptions stay: it repeats them.
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
    except Exception as error:  # noqa: BLE001 - another client takes its place in any case
        log.warning("bus connection not closed cleanly", reason=describe(error))


async def _on_error(error: Any) -> None:
    # The library's loop over the servers never ends by itself, and loses a cancellation that meets a refusal.
    raise_if_cancelled()
    log.warning("bus error", reason=describe(error))
