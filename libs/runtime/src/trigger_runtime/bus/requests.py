"""Request and reply over NATS: one answer at once, or none. Nothing is stored, so nothing is acknowledged."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import structlog
from nats import errors as nats_errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from trigger_runtime import backoff
from trigger_runtime.bus.connection import Bus, BusUnavailableError, MessageTooLargeError, describe
from trigger_runtime.bus.round_trip import request_reply
from trigger_runtime.cancelling import cancel

__all__ = ["Responder", "ask"]

log = structlog.stdlib.get_logger(__name__)

# How long a connection that the server closed for good can stay unnoticed.
_LOOK_SECONDS: Final = 0.5
_DRAIN_SECONDS: Final = 2.0
# Taken and not answered yet; what comes on top is dropped, so that a flood cannot fill the memory.
_MAX_TAKEN: Final = 1024


class Responder:
    """A component that answers the requests on a subject.

    Replicas with the same ``queue`` share them: each request goes to one. ``handle`` makes the answer's
    bytes from the request's, up to ``concurrency`` at a time. ``seconds`` is what a request may take from
    its arrival on, waiting included: whoever asked has given up by then, and work that nobody waits for
    must not keep others waiting. A request whose handler fails gets no answer, and its asker times out;
    a handler that wants to say what is wrong returns that as its answer.
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
    ) -> None:
        self.name = f"responder {subject}"
        self._bus = bus
        self._subject = subject
        self._queue = queue
        self._handle = handle
        self._seconds = seconds
        self._slots = asyncio.Semaphore(concurrency)
        self._taken: set[asyncio.Task[None]] = set()
        self._serving: asyncio.Task[None] | None = None
        self._client: Client | None = None
        self._subscription: Subscription | None = None

    async def start(self) -> None:
        """Begin to answer as soon as the bus is there."""
        self._serving = asyncio.create_task(self._serve_forever(), name=self.name)

    async def stop(self) -> None:
        """Take nothing more, and answer what was taken or is on its way here."""
        try:
            if self._serving is not None:
                await cancel([self._serving])
            await self._leave()
            if self._taken:
                await asyncio.wait(set(self._taken))
        finally:
            await cancel(self._taken)

    def tasks(self) -> Sequence[asyncio.Task[None]]:
        """Return what runs until the responder is stopped."""
        return [self._serving] if self._serving is not None else []

    def check(self) -> str | None:
        """Return why nothing is being answered, or ``None``. That a connection is lost, the bus tells."""
        serving = self._client is not None and not self._client.is_closed
        return None if serving else "not answering yet"

    async def _serve_forever(self) -> None:
        attempt = 0
        while True:
            await self._bus.ready()
            try:
                await self._subscribe(self._bus.client)
                attempt = 0
                await self._until_closed()
            except (BusUnavailableError, nats_errors.Error, TimeoutError, OSError) as error:
                log.warning("responder interrupted", subject=self._subject, reason=describe(error))
            except Exception:
                # Nobody waits for this task: if it ended, the service would look well and answer nothing.
                log.exception("responder failed", subject=self._subject)
            attempt += 1
            await asyncio.sleep(backoff.delay(attempt, cap=5.0))

    async def _subscribe(self, client: Client) -> None:
        self._subscription = await client.subscribe(self._subject, queue=self._queue, cb=self._take)
        self._client = client

    async def _until_closed(self) -> None:
        """Wait for the end of the client. The library itself subscribes again after an ordinary reconnect."""
        while True:
            if self._client is None or self._client.is_closed:
                return
            await asyncio.sleep(_LOOK_SECONDS)

    async def _leave(self) -> None:
        subscription, client = self._subscription, self._client
        self._client = None
        if subscription is None or client is None or client.is_closed:
            return
        try:
            # Draining asks the server, and would wait for a connection that is lost.
            if not client.is_connected:
                await subscription.unsubscribe()
                return
            async with asyncio.timeout(_DRAIN_SECONDS):
                await subscription.drain()  # type: ignore[no-untyped-call]
        except (nats_errors.Error, TimeoutError, OSError) as error:
            log.warning("responder not drained", subject=self._subject, reason=describe(error))

    async def _take(self, request: Msg) -> None:
        if not request.reply or len(self._taken) >= _MAX_TAKEN:
            reason = "too many" if request.reply else "nobody to answer"
            log.warning("request dropped", subject=self._subject, reason=reason)
            return
        task = asyncio.create_task(self._answer(request))
        self._taken.add(task)
        task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[None]) -> None:
        self._taken.discard(task)
        if task.cancelled():
            log.warning("request not answered", subject=self._subject, reason="cancelled")

    async def _answer(self, request: Msg) -> None:
        try:
            async with asyncio.timeout(self._seconds):
                async with self._slots:
                    answer = await self._handle(request.data)
                await self._bus.client.publish(request.reply, answer)
        except (BusUnavailableError, nats_errors.Error, TimeoutError, OSError) as error:
            log.warning("request not answered", subject=self._subject, reason=describe(error))
        except Exception:
            # The asker sees a timeout; what the task raised would be seen by nobody.
            log.exception("request failed", subject=self._subject)


async def ask(bus: Bus, *, subject: str, data: bytes, timeout: float) -> bytes:
    """Return the answer to a request, which must come within ``timeout`` seconds.

    Raises ``BusUnavailableError`` where nobody answers: the bus is away, nobody listens (which is known
    at once), or whoever listens is slow or failed. Whether the request was acted upon is not known then.
    Raises ``MessageTooLargeError`` and, for a subject that can never be sent to, ``ValueError``.
    """
    client = bus.client
    if len(data) > client.max_payload:
        raise MessageTooLargeError(f"{len(data)} bytes for {subject}")
    return await request_reply(client, subject=subject, data=data, timeout=timeout, headers={})
