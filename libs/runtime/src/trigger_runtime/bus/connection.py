"""The connection to NATS: non-blocking start, publishing with a deadline, streams that exist."""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import structlog
from nats import errors as nats_errors
from nats.aio.client import Client
from nats.js import JetStreamContext, api
from nats.js import errors as js_errors

from trigger_runtime import backoff

log = structlog.stdlib.get_logger(__name__)


class BusUnavailableError(Exception):
    """The bus did not confirm: it is away, slow or full. Trying again later can help."""


class MessageTooLargeError(Exception):
    """The message is over the server's ``max_payload``; trying again cannot help."""


class StreamShape(Protocol):
    """How a stream is created where it does not exist (``trigger_contracts.streams`` has them all)."""

    @property
    def name(self) -> str: ...
    @property
    def subjects(self) -> Sequence[str]: ...
    @property
    def when_full(self) -> str:
        """``new`` refuses new messages at a limit, ``old`` drops the oldest."""

    @property
    def max_age_seconds(self) -> int:
        """0 keeps for ever."""

    @property
    def max_bytes(self) -> int:
        """-1 is no limit, here and below."""

    @property
    def max_per_subject(self) -> int: ...
    @property
    def duplicate_window_seconds(self) -> int: ...


class Bus:
    """One connection, kept up for the life of the process.

    ``start`` returns at once; ``ready`` waits until the connection stands and the streams exist.
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
        self._connected = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._client = Client()
        self._js: JetStreamContext | None = None

    async def start(self) -> None:
        """Begin to connect."""
        self._task = asyncio.create_task(self._connect(), name="bus-connect")

    async def stop(self) -> None:
        """Flush what was published and close."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        if self._client.is_connected:
            with contextlib.suppress(nats_errors.Error, TimeoutError, OSError):
                await self._client.flush(timeout=2)
        await self._client.close()

    async def ready(self) -> None:
        """Wait until the bus can be used for the first time."""
        await self._connected.wait()

    def check(self) -> str | None:
        """Return why the bus cannot be used now, or ``None``."""
        if not self._connected.is_set():
            return "not connected yet"
        return None if self._client.is_connected else "connection lost"

    @property
    def client(self) -> Client:
        """The connection itself, for subscriptions and requests."""
        return self._client

    @property
    def js(self) -> JetStreamContext:
        """JetStream; ``BusUnavailableError`` before the first connection."""
        if self._js is None:
            raise BusUnavailableError("not connected yet")
        return self._js

    @property
    def max_payload(self) -> int:
        """Bytes that one message may hold, headers included, as the server said."""
        return self._client.max_payload

    async def publish(
        self,
        subject: str,
        data: bytes,
        *,
        message_id: str | None = None,
        timeout: float = 2.0,
        headers: Mapping[str, str] | None = None,
    ) -> int:
        """Store a message; return its stream sequence once the bus has confirmed it.

        ``message_id`` lets the server drop a repetition within the stream's duplicate window; a
        dropped repetition is a success. Raises ``BusUnavailableError`` or ``MessageTooLargeError``.
        """
        all_headers = {**(headers or {}), **({"Nats-Msg-Id": message_id} if message_id else {})}
        try:
            async with asyncio.timeout(timeout):
                ack = await self.js.publish(subject, data, timeout=timeout, headers=all_headers or None)
        except nats_errors.MaxPayloadError as error:
            raise MessageTooLargeError(f"{len(data)} bytes for {subject}") from error
        except (nats_errors.Error, js_errors.Error, TimeoutError, OSError) as error:
            raise BusUnavailableError(describe(error)) from error
        return ack.seq

    async def last(self, stream: str, *, subject: str) -> bytes | None:
        """Return the last message of a subject, from the stream's leader; ``None`` where there is none.

        Raises ``BusUnavailableError``.
        """
        try:
            message = await self.js.get_last_msg(stream, subject)
        except js_errors.NotFoundError:
            return None
        except (nats_errors.Error, js_errors.Error, TimeoutError, OSError) as error:
            raise BusUnavailableError(describe(error)) from error
        return message.data or b""

    async def _connect(self) -> None:
        attempt = 0
        while True:
            try:
                await self._connect_once()
                return
            except (nats_errors.Error, js_errors.Error, TimeoutError, OSError) as error:
                attempt += 1
                log.warning("bus not usable yet", reason=describe(error), attempt=attempt)
                await asyncio.sleep(backoff.delay(attempt, cap=5.0))

    async def _connect_once(self) -> None:
        if not self._client.is_connected:
            self._client = Client()
            await self._client.connect(
                servers=self._servers,
                name=self._client_name,
                max_reconnect_attempts=-1,
                reconnect_time_wait=1,
                connect_timeout=2,
                # Two unanswered pings are a dead peer: a half-open connection is noticed within 8 s.
                ping_interval=4,
                max_outstanding_pings=1,
                pending_size=0,
                error_cb=_on_error,
                disconnected_cb=_on_disconnected,
                reconnected_cb=_on_reconnected,
            )
        js = self._client.jetstream()
        for stream in self._streams:
            await _ensure(js, stream=stream, replicas=self._replicas)
        self._js = js
        self._connected.set()
        log.info("bus connected", streams=[stream.name for stream in self._streams])


async def _ensure(js: JetStreamContext, *, stream: StreamShape, replicas: int) -> None:
    """Create a stream that is missing. One that exists is its operator's and stays as it is."""
    try:
        await js.stream_info(stream.name)
    except js_errors.NotFoundError:
        config = api.StreamConfig(
            name=stream.name,
            subjects=list(stream.subjects),
            retention=api.RetentionPolicy.LIMITS,
            storage=api.StorageType.FILE,
            discard=api.DiscardPolicy(stream.when_full),
            max_age=stream.max_age_seconds,
            max_bytes=stream.max_bytes,
            max_msgs_per_subject=stream.max_per_subject,
            duplicate_window=stream.duplicate_window_seconds,
            num_replicas=replicas,
            # Direct reads may be answered by a follower that lags; ours must see what was confirmed.
            allow_direct=False,
        )
        try:
            await js.add_stream(config)
        except js_errors.BadRequestError:
            # Another service created it between the look and the leap; anything else is raised again.
            await js.stream_info(stream.name)


def describe(error: BaseException) -> str:
    """Return an error's text; some of the client's errors have none but their class."""
    return str(error) or type(error).__name__


async def _on_error(error: Any) -> None:
    log.warning("bus error", reason=describe(error))


async def _on_disconnected() -> None:
    log.warning("bus disconnected")


async def _on_reconnected() -> None:
    log.info("bus reconnected")
