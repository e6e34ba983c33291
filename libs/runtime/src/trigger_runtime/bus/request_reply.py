"""Request and reply over NATS: at most one reply, in time or never. The bus stores nothing of it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog
from nats import errors as nats_errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from trigger_runtime import backoff
from trigger_runtime.bus import jetstream_api
from trigger_runtime.bus.connection import Bus, MessageTooLargeError
from trigger_runtime.bus.jetstream_api import OUTAGE, describe
from trigger_runtime.lifecycle import BackgroundTask, cancel

log = structlog.stdlib.get_logger(__name__)

# How long a connection that the server closed for good can stay unnoticed.
_POLL_SECONDS: Final = 0.5
_DRAIN_SECONDS: Final = 2.0


class Responder(BackgroundTask):
    """A component that replies to the requests on a subject.

    Replicas with the same ``queue`` share them: each request goes to one. ``handle`` returns the reply to a
    request, up to ``concurrency`` at a time. ``seconds`` is how long a request may take, waiting included:
    its sender has given up by then, and abandoned work must not delay the work of others. Requests over
    ``max_in_flight`` are dropped, so that a flood cannot fill the memory. A request whose handler fails gets
    no reply, and its sender times out; a handler that explains an error returns that as its reply.
    """

    def __init__(
        self,
        bus: Bus,
        *,
        subject: str,
        queue: str,
        handle: Callable[[bytes], Awaitable[bytes]],
        concurrency: int = 16,
        seconds: float = 5.0,
        max_in_flight: int = 1024,
    ) -> None:
        super().__init__(f"responder {subject}", self._serve_forever)
        self._bus = bus
        self._subject = subject
        self._queue = queue
        self._handle = handle
        self._seconds = seconds
        self._slots = asyncio.Semaphore(concurrency)
        self._max_in_flight = max_in_flight
        self._in_flight: set[asyncio.Task[None]] = set()
        self._client: Client | None = None
        self._subscription: Subscription | None = None

    async def stop(self) -> None:
        """Accept no more requests, and reply to those that are in flight."""
        try:
            await cancel(self.tasks())
            await self._unsubscribe()
            if self._in_flight:
                await asyncio.wait(set(self._in_flight))
        finally:
            await cancel(self._in_flight)

    def in_flight(self) -> int:
        """Return how many requests have no reply yet."""
        return len(self._in_flight)

    def check(self) -> str | None:
        """Return why no request is served, or ``None``. A lost connection is the bus's own check."""
        serving = self._client is not None and not self._client.is_closed
        return None if serving else "not serving yet"

    async def _serve_forever(self) -> None:
        attempt = 0
        while True:
            await self._bus.ready()
            try:
                await self._subscribe(self._bus.client)
                attempt = 0
                await self._until_closed()
            except OUTAGE as error:
                log.warning("responder interrupted", subject=self._subject, reason=describe(error))
            except Exception:
                # No caller awaits this task: if it ended, the service would look well and reply to nothing.
                log.exception("responder failed", subject=self._subject)
            attempt += 1
            await asyncio.sleep(backoff.delay(attempt, cap=5.0))

    async def _subscribe(self, client: Client) -> None:
        self._subscription = await client.subscribe(self._subject, queue=self._queue, cb=self._accept)
        self._client = client

    async def _until_closed(self) -> None:
        """Wait for the end of the client. The library itself subscribes again after an ordinary reconnect."""
        while True:
            if self._client is None or self._client.is_closed:
                return
            await asyncio.sleep(_POLL_SECONDS)

    async def _unsubscribe(self) -> None:
        subscription, client = self._subscription, self._client
        self._client = None
        if subscription is None or client is None or client.is_closed:
            return
        try:
            # Draining needs the server, and would wait for a lost connection.
            if not client.is_connected:
                await subscription.unsubscribe()
                return
            async with asyncio.timeout(_DRAIN_SECONDS):
                await subscription.drain()  # type: ignore[no-untyped-call]
        except (nats_errors.Error, TimeoutError, OSError) as error:
            log.warning("responder not drained", subject=self._subject, reason=describe(error))

    async def _accept(self, request: Msg) -> None:
        if not request.reply or len(self._in_flight) >= self._max_in_flight:
            reason = "too many" if request.reply else "no reply subject"
            log.warning("request dropped", subject=self._subject, reason=reason)
            return
        task = asyncio.create_task(self._serve(request))
        self._in_flight.add(task)
        task.add_done_callback(self._forget)

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._in_flight.discard(task)
        if task.cancelled():
            log.warning("request not served", subject=self._subject, reason="cancelled")

    async def _serve(self, request: Msg) -> None:
        try:
            async with asyncio.timeout(self._seconds):
                async with self._slots:
                    reply = await self._handle(request.data)
                await self._bus.client.publish(request.reply, reply)
        except OUTAGE as error:
            log.warning("request not served", subject=self._subject, reason=describe(error))
        except Exception:
            # The sender sees a timeout, and no caller awaits this task.
            log.exception("request failed", subject=self._subject)


async def send_request(bus: Bus, *, subject: str, data: bytes, timeout: float) -> bytes:
    """Return the reply to a request, which must come within ``timeout`` seconds.

    Raises ``BusUnavailableError`` where none comes: the bus is away, the subject has no responder (which the
    server reports at once), or the responder is slow or failed. It may have acted upon the request.
    Raises ``MessageTooLargeError``, and ``ValueError`` for an invalid subject.
    """
    client = bus.client
    if len(data) > client.max_payload:
        raise MessageTooLargeError(f"{len(data)} bytes for {subject}")
    return await jetstream_api.request_reply(client, subject=subject, data=data, timeout=timeout)
