"""Durable consumers: the only code that acknowledges, naks or dead-letters a message."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog
from nats import errors as nats_errors
from nats.aio.msg import Msg
from nats.js import api
from nats.js import errors as js_errors

from trigger_runtime import backoff
from trigger_runtime.bus.connection import Bus, BusUnavailableError, MessageTooLargeError, describe
from trigger_runtime.bus.pull import PullLostError, messages
from trigger_runtime.bus.received import Received, received
from trigger_runtime.metrics import Metrics

log = structlog.stdlib.get_logger(__name__)

Handler = Callable[[Received], Awaitable[None]]


class RetryLaterError(Exception):
    """A dependency is away: the message stays until the handler succeeds, however often that takes."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """What is consumed, and how.

    ``hopeless`` errors mean that the message can never be handled: it is dead-lettered at once. Any
    other error but ``RetryLaterError`` is a defect: it is dead-lettered after ``max_attempts``.
    Messages are handled concurrently, up to ``concurrency``, and so without an order.
    """

    stream: str
    durable: str
    subjects: Sequence[str]
    dead_letter_subject: str
    hopeless: tuple[type[Exception], ...] = ()
    concurrency: int = 64
    ack_wait_seconds: float = 30.0
    max_attempts: int = 8


class Consumer:
    """A component that feeds one durable consumer's messages to a handler.

    The handler returns: the message is done. It raises: see ``Subscription``. Delivery is at least
    once, so the handler's effect must bear repetition.
    """

    def __init__(self, bus: Bus, *, subscription: Subscription, handle: Handler, metrics: Metrics) -> None:
        self.name = f"consumer {subscription.durable}"
        self._bus = bus
        self._subscription = subscription
        self._handle = handle
        self._metrics = metrics
        self._under_way: dict[asyncio.Task[None], Msg] = {}
        self._pulling: asyncio.Task[None] | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._consuming = False

    async def start(self) -> None:
        """Begin to pull as soon as the bus is there."""
        self._pulling = asyncio.create_task(self._pull_forever(), name=self.name)
        self._keeping = asyncio.create_task(self._keep_alive(), name=f"{self.name} keep-alive")

    async def stop(self) -> None:
        """Pull nothing more and wait for the handlers; cancelled handlers leave their message to others."""
        if self._pulling is not None:
            self._pulling.cancel()
            await asyncio.wait([self._pulling])
        try:
            if self._under_way:
                await asyncio.wait(list(self._under_way))
        finally:
            leftover = list(self._under_way)
            for task in leftover:
                task.cancel()
            if self._keeping is not None:
                self._keeping.cancel()
            if leftover:
                await asyncio.wait(leftover)

    def check(self) -> str | None:
        """Return why nothing is being consumed, or ``None``."""
        return None if self._consuming else "not consuming yet"

    async def _pull_forever(self) -> None:
        attempt = 0
        while True:
            await self._bus.ready()
            try:
                await self._create()
                self._consuming = True
                attempt = 0
                await self._pull()
            except (PullLostError, nats_errors.Error, js_errors.Error, TimeoutError, OSError) as error:
                self._consuming = False
                attempt += 1
                log.warning(
                    "consumer interrupted", durable=self._subscription.durable, reason=describe(error)
                )
                await asyncio.sleep(backoff.delay(attempt, cap=5.0))

    async def _create(self) -> None:
        wanted = self._subscription
        await self._bus.js.add_consumer(
            wanted.stream,
            api.ConsumerConfig(
                durable_name=wanted.durable,
                filter_subjects=list(wanted.subjects),
                deliver_policy=api.DeliverPolicy.ALL,
                ack_policy=api.AckPolicy.EXPLICIT,
                ack_wait=wanted.ack_wait_seconds,
                # The limit is ours (max_attempts, then dead-lettered); the server's would drop silently.
                max_deliver=-1,
                max_ack_pending=max(wanted.concurrency * 4, 64),
            ),
        )

    async def _pull(self) -> None:
        wanted = self._subscription
        room = asyncio.Semaphore(wanted.concurrency)
        async with contextlib.aclosing(
            messages(
                self._bus.client, stream=wanted.stream, consumer=wanted.durable, batch=wanted.concurrency
            )
        ) as pulled:
            async for message in pulled:
                await room.acquire()
                task = asyncio.create_task(self._process(message))
                self._under_way[task] = message
                task.add_done_callback(self._under_way.pop)
                task.add_done_callback(lambda _: room.release())

    async def _keep_alive(self) -> None:
        """Tell the server that long work is still under way, so that nobody else begins it."""
        while True:
            await asyncio.sleep(self._subscription.ack_wait_seconds / 3)
            for message in list(self._under_way.values()):
                with contextlib.suppress(nats_errors.Error, OSError):
                    await message.in_progress()

    async def _process(self, message: Msg) -> None:
        item = received(message)
        structlog.contextvars.bind_contextvars(stream=item.stream, sequence=item.sequence)
        wanted = self._subscription
        try:
            await self._handle(item)
        except RetryLaterError as error:
            await self._retry(message, item=item, reason=describe(error))
        except wanted.hopeless as error:
            await self._give_up(message, item=item, reason=f"{type(error).__name__}: {error}")
        except Exception as error:
            log.exception("handler failed", durable=wanted.durable, attempt=item.attempt)
            if item.attempt >= wanted.max_attempts:
                await self._give_up(message, item=item, reason=f"{type(error).__name__} after every attempt")
            else:
                await self._retry(message, item=item, reason=type(error).__name__)
        else:
            await self._settle("done", message.ack())

    async def _retry(self, message: Msg, *, item: Received, reason: str) -> None:
        wait = backoff.delay(item.attempt, first=0.25)
        log.warning(
            "message will be tried again", reason=reason, attempt=item.attempt, seconds=round(wait, 2)
        )
        await self._settle("retried", message.nak(delay=wait))

    async def _give_up(self, message: Msg, *, item: Received, reason: str) -> None:
        """Move the message to the dead letters; it stays where it is until that is confirmed."""
        wanted = self._subscription
        log.error("message dead-lettered", durable=wanted.durable, reason=reason, subject=item.subject)
        try:
            await self._bus.publish(
                wanted.dead_letter_subject,
                item.data,
                message_id=f"{wanted.stream}:{wanted.durable}:{item.sequence}",
                headers={
                    **{name: value for name, value in item.headers.items() if not name.startswith("Nats-")},
                    "Dead-Reason": " ".join(reason.split())[:500],
                    "Dead-Subject": item.subject,
                    "Dead-Sequence": str(item.sequence),
                    "Dead-Attempts": str(item.attempt),
                },
            )
        except (BusUnavailableError, MessageTooLargeError) as error:
            await self._retry(message, item=item, reason=f"dead letter not stored: {describe(error)}")
        else:
            await self._settle("dead", message.term())

    async def _settle(self, outcome: str, settlement: Awaitable[None]) -> None:
        """Tell the server. When that fails the message comes again, which handlers bear by contract."""
        try:
            await settlement
        except (nats_errors.Error, OSError) as error:
            outcome = "unsettled"
            log.warning("message could not be settled", reason=describe(error))
        self._metrics.messages.labels(durable=self._subscription.durable, outcome=outcome).inc()
