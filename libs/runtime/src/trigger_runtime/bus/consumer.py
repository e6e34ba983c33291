"""Durable consumers: the only code that acknowledges, naks or dead-letters a message."""

import asyncio
import contextlib
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

import structlog
from nats import errors as nats_errors
from nats.aio.msg import Msg
from nats.js import api

from trigger_runtime import backoff
from trigger_runtime.bus.connection import Bus, BusUnavailableError, MessageTooLargeError, describe
from trigger_runtime.bus.pull import PullLostError, messages
from trigger_runtime.bus.received import Received, received
from trigger_runtime.cancelling import cancel
from trigger_runtime.metrics import Metrics

log = structlog.stdlib.get_logger(__name__)

Handler = Callable[[Received], Awaitable[None]]

_STEADY_SECONDS: Final = 10.0
_MAX_COUNTED: Final = 10_000
_PARKED: Final = 2000
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+", re.ASCII)


class RetryLaterError(Exception):
    """A dependency is away: the message stays until the handler succeeds, however often that takes."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """What is consumed, and how.

    ``retry_on`` errors are treated like ``RetryLaterError``: a dependency is away, or the message is of a
    version that only a newer reader knows and is parked until that comes. It is tried again for ever,
    after pauses that grow to 30 s, in which others are handled.
    ``dead_letter_on`` errors mean that the message can never be handled: it is dead-lettered at once. Any
    other error is a defect: it is dead-lettered after ``max_attempts`` of them (counted by each process
    for itself; tries that end in "later" do not count). An error that is both is tried again.
    Messages are handled concurrently, up to ``concurrency``, and so without an order.
    """

    stream: str
    durable: str
    subjects: Sequence[str]
    dead_letter_subject: str
    dead_letter_on: tuple[type[Exception], ...] = ()
    retry_on: tuple[type[Exception], ...] = ()
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
        # By stream sequence: the latest delivery of each message that a handler works on.
        self._under_way: dict[int, Msg] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._freed = asyncio.Event()
        self._defects: dict[int, int] = {}
        self._pulling: asyncio.Task[None] | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._consuming = False

    async def start(self) -> None:
        """Begin to pull as soon as the bus is there."""
        self._pulling = asyncio.create_task(self._pull_forever(), name=self.name)
        self._keeping = asyncio.create_task(self._keep_alive(), name=f"{self.name} keep-alive")

    async def stop(self) -> None:
        """Pull nothing more and wait for the handlers; cancelled handlers leave their message to others."""
        try:
            if self._pulling is not None:
                await cancel([self._pulling])
            if self._tasks:
                await asyncio.wait(set(self._tasks))
        finally:
            self._consuming = False
            await cancel([*self._tasks, *([self._keeping] if self._keeping is not None else [])])

    def tasks(self) -> Sequence[asyncio.Task[None]]:
        """Return what runs until the consumer is stopped."""
        return [task for task in (self._pulling, self._keeping) if task is not None]

    def check(self) -> str | None:
        """Return why nothing is being consumed, or ``None``."""
        return None if self._consuming else "not consuming yet"

    async def _pull_forever(self) -> None:
        attempt = 0
        while True:
            await self._bus.ready()
            begun = time.monotonic()
            try:
                await self._create()
                self._consuming = True
                await self._pull()
            except (PullLostError, BusUnavailableError, nats_errors.Error, TimeoutError, OSError) as error:
                log.warning(
                    "consumer interrupted", durable=self._subscription.durable, reason=describe(error)
                )
            except Exception:
                # Nobody waits for this task: if it ended, the service would look well and do nothing.
                log.exception("consumer failed", durable=self._subscription.durable)
            finally:
                self._consuming = False
            attempt = 1 if time.monotonic() - begun > _STEADY_SECONDS else attempt + 1
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
                # What waits for its next try counts here, too: what is parked must leave room for others.
                max_ack_pending=max(wanted.concurrency * 4, _PARKED),
            ),
        )

    async def _pull(self) -> None:
        wanted = self._subscription
        async with contextlib.aclosing(
            messages(self._bus.client, stream=wanted.stream, consumer=wanted.durable, room=self._room)
        ) as pulled:
            async for message in pulled:
                self._begin(message)

    async def _room(self) -> int:
        """Wait until another message can be begun; return how many."""
        while len(self._tasks) >= self._subscription.concurrency:
            self._freed.clear()
            await self._freed.wait()
        return self._subscription.concurrency - len(self._tasks)

    def _begin(self, message: Msg) -> None:
        sequence = message.metadata.sequence.stream
        again = sequence in self._under_way
        self._under_way[sequence] = message
        if again:
            # The server was away for longer than the ack wait: the handler that has it goes on with it.
            return
        task = asyncio.create_task(self._process(received(message)))
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._end(done, sequence=sequence))

    def _end(self, task: asyncio.Task[None], *, sequence: int) -> None:
        self._tasks.discard(task)
        self._under_way.pop(sequence, None)
        self._freed.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("message left to be delivered again", exc_info=error)

    async def _keep_alive(self) -> None:
        """Tell the server that long work is still under way, so that nobody else begins it."""
        while True:
            await asyncio.sleep(self._subscription.ack_wait_seconds / 3)
            for message in list(self._under_way.values()):
                with contextlib.suppress(nats_errors.Error, OSError):
                    await message.in_progress()

    async def _process(self, item: Received) -> None:
        structlog.contextvars.bind_contextvars(stream=item.stream, sequence=item.sequence)
        wanted = self._subscription
        later: tuple[type[Exception], ...] = (RetryLaterError, *wanted.retry_on)
        try:
            await self._handle(item)
        except later as error:
            reason = describe(error) if isinstance(error, RetryLaterError) else _named(error)
            await self._retry(item, attempt=item.attempt, reason=reason)
        except wanted.dead_letter_on as error:
            await self._give_up(item, reason=_named(error))
        except Exception as error:
            attempt = self._count_defect(item.sequence)
            log.exception("handler failed", durable=wanted.durable, attempt=attempt)
            if attempt >= wanted.max_attempts:
                await self._give_up(item, reason=f"{type(error).__name__} after every attempt")
            else:
                await self._retry(item, attempt=attempt, reason=type(error).__name__)
        else:
            await self._settle("done", item=item, how=Msg.ack)

    def _count_defect(self, sequence: int) -> int:
        """Count apart from the deliveries: those grow while a dependency is away, and that is no defect."""
        if len(self._defects) > _MAX_COUNTED:
            self._defects.clear()  # of messages that other instances settled
        self._defects[sequence] = self._defects.get(sequence, 0) + 1
        return self._defects[sequence]

    async def _retry(self, item: Received, *, attempt: int, reason: str) -> None:
        wait = backoff.delay(attempt, first=0.25)
        log.warning(
            "message will be tried again", reason=reason, attempt=item.attempt, seconds=round(wait, 2)
        )
        await self._settle("retried", item=item, how=lambda message: message.nak(delay=wait))

    async def _give_up(self, item: Received, *, reason: str) -> None:
        """Move the message to the dead letters; it stays where it is until that is confirmed."""
        wanted = self._subscription
        log.error("message dead-lettered", durable=wanted.durable, reason=reason, subject=item.subject)
        try:
            await self._store_dead_letter(item, reason=reason)
        except (BusUnavailableError, MessageTooLargeError, ValueError) as error:
            await self._retry(item, attempt=item.attempt, reason=f"dead letter not stored: {describe(error)}")
        else:
            await self._settle("dead", item=item, how=Msg.term)

    async def _store_dead_letter(self, item: Received, *, reason: str) -> None:
        wanted = self._subscription
        message_id = f"{wanted.stream}:{wanted.durable}:{item.sequence}"
        ours = {
            "Dead-Reason": " ".join(reason.split())[:500],
            "Dead-Subject": item.subject,
            "Dead-Sequence": str(item.sequence),
            "Dead-Attempts": str(item.attempt),
        }
        theirs = {
            name: value
            for name, value in item.headers.items()
            # A name that a laxer client has sent would make the whole dead letter unsendable.
            if _HEADER_NAME.fullmatch(name) and not name.startswith("Nats-")
        }
        try:
            await self._bus.publish(
                wanted.dead_letter_subject, item.data, message_id=message_id, headers={**theirs, **ours}
            )
        except MessageTooLargeError:
            # With our headers it is over the limit that it just kept: the data stays in its stream only.
            await self._bus.publish(
                wanted.dead_letter_subject,
                b"",
                message_id=message_id,
                headers={**ours, "Dead-Data-Left-In": item.stream},
            )

    async def _settle(self, outcome: str, *, item: Received, how: Callable[[Msg], Awaitable[None]]) -> None:
        """Tell the server. When that fails the message comes again, which handlers bear by contract."""
        if outcome != "retried":
            self._defects.pop(item.sequence, None)
        try:
            await how(self._under_way[item.sequence])
        except (nats_errors.Error, OSError) as error:
            outcome = "unsettled"
            log.warning("message could not be settled", reason=describe(error))
        self._metrics.messages.labels(durable=self._subscription.durable, outcome=outcome).inc()


def _named(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
