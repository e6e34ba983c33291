"""Durable consumers: the only code that acknowledges, naks or dead-letters a message."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final

import structlog
from nats import errors as nats_errors
from nats.aio.msg import Msg
from nats.js import api

from trigger_runtime import backoff
from trigger_runtime.bus.backlog import watch_backlog
from trigger_runtime.bus.connection import Bus, BusUnavailableError, MessageTooLargeError, StreamFullError
from trigger_runtime.bus.dead_letters import RefusalLog, publish_record
from trigger_runtime.bus.jetstream_api import OUTAGE, Received, describe, received
from trigger_runtime.bus.parking import ATTEMPTS_BEFORE, park
from trigger_runtime.bus.pull import pull_messages
from trigger_runtime.bus.subscription import RetryLaterError, Subscription
from trigger_runtime.lifecycle import BackgroundTask, cancel
from trigger_runtime.metrics import Metrics

log = structlog.stdlib.get_logger(__name__)

Handler = Callable[[Received], Awaitable[None]]

_STEADY_SECONDS: Final = 10.0
_MAX_FAILURES_KEPT: Final = 10_000
_MIN_ACK_PENDING: Final = 2000


class Consumer(BackgroundTask):
    """A component that feeds one durable consumer's messages to a handler.

    The handler returns: the message is acknowledged. It raises: see ``Subscription``. Delivery is at least
    once, so handlers are idempotent.
    """

    def __init__(
        self,
        bus: Bus,
        *,
        subscription: Subscription,
        handle: Handler,
        metrics: Metrics,
        gate: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """``gate`` returns when messages can be handled: none is fetched before, for none could be."""
        super().__init__(f"consumer {subscription.durable}", self._pull_forever)
        self._bus = bus
        self._subscription = subscription
        self._handle = handle
        self._metrics = metrics
        self._gate = gate
        # By stream sequence: the latest delivery of each message that a handler works on.
        self._in_progress: dict[int, Msg] = {}
        self._handlers: set[asyncio.Task[None]] = set()
        self._handler_ended = asyncio.Event()
        self._failures: dict[int, int] = {}
        self._keeping_alive = BackgroundTask(f"{self.name} keep-alive", self._keep_alive)
        self._watching_backlog = BackgroundTask(
            f"{self.name} backlog",
            partial(
                watch_backlog,
                bus,
                stream=subscription.stream,
                durable=subscription.durable,
                max_unsettled=self._max_unsettled,
                metrics=metrics,
            ),
        )
        self._consuming = False
        self._refusal_log = RefusalLog()

    async def start(self) -> None:
        """Start to pull as soon as the bus can be used."""
        await super().start()
        await self._keeping_alive.start()
        await self._watching_backlog.start()

    async def stop(self) -> None:
        """Stop pulling and wait for the handlers; the message of a cancelled one is delivered again."""
        try:
            await cancel(super().tasks())
            if self._handlers:
                await asyncio.wait(set(self._handlers))
        finally:
            self._consuming = False
            await cancel([*self._handlers, *self._keeping_alive.tasks(), *self._watching_backlog.tasks()])

    def tasks(self) -> Sequence[asyncio.Task[None]]:
        """Return what runs until the consumer is stopped."""
        return [*super().tasks(), *self._keeping_alive.tasks(), *self._watching_backlog.tasks()]

    def check(self) -> str | None:
        """Return why nothing is being consumed, or ``None``."""
        return None if self._consuming else "not consuming yet"

    async def _pull_forever(self) -> None:
        attempt = 0
        while True:
            await self._bus.ready()
            started = time.monotonic()
            try:
                await self._ensure_consumer()
                self._consuming = True
                await self._pull()
            except OUTAGE as error:
                log.warning(
                    "consumer interrupted", durable=self._subscription.durable, reason=describe(error)
                )
            except Exception:
                # No caller awaits this task: if it ended, the service would look well and do nothing.
                log.exception("consumer failed", durable=self._subscription.durable)
            finally:
                self._consuming = False
            attempt = 1 if time.monotonic() - started > _STEADY_SECONDS else attempt + 1
            await asyncio.sleep(backoff.delay(attempt, cap=5.0))

    async def _ensure_consumer(self) -> None:
        subscription = self._subscription
        await self._bus.js.add_consumer(
            subscription.stream,
            api.ConsumerConfig(
                durable_name=subscription.durable,
                filter_subjects=list(subscription.subjects),
                deliver_policy=api.DeliverPolicy.ALL,
                ack_policy=api.AckPolicy.EXPLICIT,
                ack_wait=subscription.ack_wait_seconds,
                # The limit is ours (max_attempts, then dead-lettered); the server's would drop silently.
                max_deliver=-1,
                # Messages that wait for their next attempt count too, and must leave room for others.
                max_ack_pending=self._max_unsettled,
            ),
        )

    @property
    def _max_unsettled(self) -> int:
        return max(self._subscription.concurrency * 4, _MIN_ACK_PENDING)

    async def _pull(self) -> None:
        subscription = self._subscription
        async with contextlib.aclosing(
            pull_messages(
                self._bus.client,
                stream=subscription.stream,
                consumer=subscription.durable,
                capacity=self._capacity,
            )
        ) as pulled:
            async for message in pulled:
                self._start_handler(message)

    async def _capacity(self) -> int:
        """Wait until another handler may start; return how many may."""
        while len(self._handlers) >= self._subscription.concurrency:
            self._handler_ended.clear()
            await self._handler_ended.wait()
        if self._gate is not None:
            await self._gate()
        return self._subscription.concurrency - len(self._handlers)

    def _start_handler(self, message: Msg) -> None:
        sequence = message.metadata.sequence.stream
        again = sequence in self._in_progress
        self._in_progress[sequence] = message
        if again:
            # The ack wait passed while the server was away: the handler that has it goes on.
            return
        task = asyncio.create_task(self._handle_message(received(message)))
        self._handlers.add(task)
        task.add_done_callback(lambda done: self._forget(done, sequence=sequence))

    def _forget(self, task: asyncio.Task[None], *, sequence: int) -> None:
        self._handlers.discard(task)
        self._in_progress.pop(sequence, None)
        self._handler_ended.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("message not settled; the server delivers it again", exc_info=error)

    async def _keep_alive(self) -> None:
        """Tell the server that long work is still in progress, so that it does not deliver it elsewhere."""
        while True:
            await asyncio.sleep(self._subscription.ack_wait_seconds / 3)
            for message in list(self._in_progress.values()):
                with contextlib.suppress(nats_errors.Error, OSError):
                    await message.in_progress()

    async def _handle_message(self, item: Received) -> None:
        structlog.contextvars.bind_contextvars(stream=item.stream, sequence=item.sequence)
        subscription = self._subscription
        retry_on: tuple[type[Exception], ...] = (RetryLaterError, *subscription.retry_on)
        park_on = subscription.parking.errors if subscription.parking else ()
        try:
            await self._handle(item)
        except retry_on as error:
            reason = describe(error) if isinstance(error, RetryLaterError) else _named(error)
            await self._retry(item, attempt=item.attempt, reason=reason)
        except park_on as error:
            await self._park(item, reason=_named(error))
        except subscription.refuse_on as error:
            await self._refuse(item, reason=_named(error))
        except subscription.dead_letter_on as error:
            await self._dead_letter(item, reason=_named(error))
        except Exception as error:
            attempt = self._count_failure(item.sequence)
            log.exception("handler failed", durable=subscription.durable, attempt=attempt)
            if attempt >= subscription.max_attempts:
                await self._dead_letter(item, reason=f"{type(error).__name__} after every attempt")
            else:
                await self._retry(item, attempt=attempt, reason=type(error).__name__)
        else:
            await self._settle("done", item=item, reply=Msg.ack)

    def _count_failure(self, sequence: int) -> int:
        """Count apart from the deliveries, which grow while a dependency is unavailable."""
        if len(self._failures) > _MAX_FAILURES_KEPT:
            self._failures.clear()  # of messages that other processes settled
        self._failures[sequence] = self._failures.get(sequence, 0) + 1
        return self._failures[sequence]

    async def _retry(self, item: Received, *, attempt: int, reason: str) -> None:
        wait = backoff.delay(attempt, first=0.25)
        log.warning("message will be retried", reason=reason, attempt=item.attempt, seconds=round(wait, 2))
        await self._settle("retried", item=item, reply=lambda message: message.nak(delay=wait))

    async def _park(self, item: Received, *, reason: str) -> None:
        """Move it out of the way; it stays in its stream, and waits there while it cannot be parked."""
        parking, durable = self._subscription.parking, self._subscription.durable
        if parking is None or item.attempt < ATTEMPTS_BEFORE:
            await self._retry(item, attempt=item.attempt, reason=reason)
            return
        log.warning("message parked", durable=durable, reason=reason, attempt=item.attempt)
        try:
            await park(self._bus, item=item, durable=durable, parking=parking)
        except BusUnavailableError as error:
            await self._retry(item, attempt=item.attempt, reason=f"not parked: {describe(error)}")
            return
        await self._settle("parked", item=item, reply=Msg.term)

    async def _dead_letter(self, item: Received, *, reason: str) -> None:
        """Move the message to the dead letters; it stays in its stream until that is confirmed.

        Where these are full it stays in its stream only: waiting for room would stop every other message.
        """
        durable, outcome = self._subscription.durable, "dead"
        log.error("message dead-lettered", durable=durable, reason=reason, subject=item.subject)
        try:
            await self._record(item, subject=self._subscription.dead_letter_subject, reason=reason)
        except StreamFullError as error:
            outcome = "dead_not_stored"
            log.error(
                "dead letters full; the message is in its own stream only",
                durable=durable,
                message_stream=item.stream,
                message_sequence=item.sequence,
                reason=describe(error),
            )
        except (BusUnavailableError, MessageTooLargeError, ValueError) as error:
            await self._retry(item, attempt=item.attempt, reason=f"dead letter not stored: {describe(error)}")
            return
        await self._settle(outcome, item=item, reply=Msg.term)

    async def _refuse(self, item: Received, *, reason: str) -> None:
        """Record what does not belong here, and go on: no flood of it may hold up the rest.

        So a record that cannot be stored is not waited for. During an outage the message comes again.
        """
        self._refusal_log.note(item, durable=self._subscription.durable, reason=reason)
        try:
            await self._record(item, subject=self._subscription.refused_subject, reason=reason)
        except (BusUnavailableError, MessageTooLargeError, ValueError) as error:
            log.warning("refused message not recorded", reason=describe(error))
        await self._settle("refused", item=item, reply=Msg.term)

    async def _record(self, item: Received, *, subject: str, reason: str) -> None:
        durable = self._subscription.durable
        await publish_record(self._bus, item=item, subject=subject, durable=durable, reason=reason)

    async def _settle(self, outcome: str, *, item: Received, reply: Callable[[Msg], Awaitable[None]]) -> None:
        """Tell the server. When that fails the message comes again: handlers are idempotent."""
        if outcome != "retried":
            self._failures.pop(item.sequence, None)
        try:
            await reply(self._in_progress[item.sequence])
        except (nats_errors.Error, OSError) as error:
            outcome = "unsettled"
            log.warning("message could not be settled", reason=describe(error))
        self._metrics.messages.labels(durable=self._subscription.durable, outcome=outcome).inc()


def _named(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
