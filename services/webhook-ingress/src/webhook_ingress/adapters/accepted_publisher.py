"""Group commit of accepted deliveries: while one publish is in flight, the next message gathers."""

import asyncio
from asyncio import Future
from collections import deque
from collections.abc import Callable
from itertools import takewhile
from typing import Final
from uuid import UUID

import msgspec
import structlog

from trigger_contracts import streams
from trigger_contracts.deliveries import AcceptedDelivery, DeliveriesAccepted, DeliveriesAccepted2
from trigger_runtime import backoff
from trigger_runtime.bus.connection import Bus, BusUnavailableError, MessageTooLargeError
from trigger_runtime.lifecycle import BackgroundTask
from webhook_ingress.adapters.batch import HEADROOM, BatchLimits, accepted_message, encoded
from webhook_ingress.adapters.ingress_metrics import IngressMetrics
from webhook_ingress.ports import DeliveryTooLargeError, UnavailableError

log = structlog.stdlib.get_logger(__name__)

_LABEL: Final = "accepted"


class _Waiting(msgspec.Struct):
    """``deadline`` is of the loop's clock. ``data`` is empty once ``stored`` is done."""

    data: bytes
    kind: type[DeliveriesAccepted]
    stored: Future[None]
    deadline: float


class AcceptedPublisher(BackgroundTask):
    """A component. One publish is in flight at a time; there is no timer: a lone delivery goes at once.

    A delivery whose caller got a 503 is left out of everything that is sent from then on. What
    remains in doubt is the message in flight at that moment; the execution id makes it harmless for a
    sender that repeats it with the same idempotency key.
    """

    def __init__(
        self,
        bus: Bus,
        *,
        limits: BatchLimits,
        queue_bytes: int,
        publish_seconds: float,
        new_id: Callable[[], UUID],
        metrics: IngressMetrics,
    ) -> None:
        super().__init__("accepted deliveries", self._publish_forever)
        self._bus = bus
        self._limits = limits
        self._queue_bytes = queue_bytes
        self._publish_seconds = publish_seconds
        self._new_id = new_id
        self._metrics = metrics
        self._queue: deque[_Waiting] = deque()
        # The callers that wait, in the order of the deadlines, and the one timer for all of them: a timer
        # for each request costs more than putting it into the queue.
        self._callers: deque[_Waiting] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._held_bytes = 0
        # Asked for once: asking makes a system call each time.
        self._loop = asyncio.get_running_loop()
        self._wake = asyncio.Event()
        self._stopping = False

    def publish(self, delivery: AcceptedDelivery) -> "Future[None]":
        """Return what is done once the bus has confirmed the delivery.

        Its exception is ``UnavailableError`` after ``publish_seconds``, or at once where the queue is full,
        and ``DeliveryTooLargeError`` for one that does not fit into a message.
        """
        data = encoded(delivery)
        loop = self._loop
        stored = loop.create_future()
        if (refusal := self._refusal(len(data))) is not None:
            stored.set_exception(refusal)
            return stored
        waiting = _Waiting(
            data=data,
            kind=DeliveriesAccepted if delivery.reading is None else DeliveriesAccepted2,
            stored=stored,
            deadline=loop.time() + self._publish_seconds,
        )
        self._held_bytes += len(data)
        self._queue.append(waiting)
        self._callers.append(waiting)
        if self._timer is None:
            self._timer = loop.call_at(waiting.deadline, self._expire)
        self._wake.set()
        return stored

    def _refusal(self, size: int) -> Exception | None:
        if size > self._bus.max_payload - HEADROOM:
            return DeliveryTooLargeError()
        if self._stopping:
            return UnavailableError("The service is stopping. Try again.")
        if self._held_bytes + size > self._queue_bytes:
            return UnavailableError("Too many requests wait to be stored. Try again shortly.")
        return None

    def _settle(self, batch: list[_Waiting], *, error: Exception | None) -> None:
        for waiting in batch:
            if waiting.stored.done():
                continue
            self._held_bytes -= len(waiting.data)
            waiting.data = b""
            if error is None:
                waiting.stored.set_result(None)
            else:
                waiting.stored.set_exception(error)
        while self._callers and self._callers[0].stored.done():
            self._callers.popleft()

    def _expire(self) -> None:
        """Let those go whose time is over, and set the timer for the next one."""
        now = self._loop.time()
        late = list(takewhile(lambda one: one.stored.done() or one.deadline <= now, self._callers))
        self._settle(late, error=UnavailableError("The request could not be stored in time. Try again."))
        self._timer = self._loop.call_at(self._callers[0].deadline, self._expire) if self._callers else None

    async def stop(self) -> None:
        """Take nothing new and send what waits."""
        self._stopping = True
        self._wake.set()
        if self.task is not None:
            try:
                await asyncio.wait([self.task])
            finally:
                self.task.cancel()

    async def _publish_forever(self) -> None:
        while batch := await self._next_batch():
            await self._publish(batch)
            # The next requests of callers that just got a response lie in the sockets already. One turn of
            # the loop takes them in: half as many messages under load, and each costs as much as several
            # requests do.
            await asyncio.sleep(0)

    async def _next_batch(self) -> list[_Waiting]:
        """Return what waits, as soon as anything does; nothing once the publisher is stopped and empty."""
        while not (batch := self._take()) and not self._stopping:
            self._wake.clear()
            await self._wake.wait()
        return batch

    def _take(self) -> list[_Waiting]:
        batch: list[_Waiting] = []
        size = 0
        while self._queue and len(batch) < self._limits.deliveries:
            waiting = self._queue[0]
            if not waiting.stored.done():
                size += len(waiting.data) + 1
                if batch and size > min(self._limits.bytes, self._bus.max_payload - HEADROOM):
                    break
                batch.append(waiting)
            self._queue.popleft()
        return batch

    async def _publish(self, batch: list[_Waiting]) -> None:
        """Send the batch until it is stored, or no caller waits for it any more.

        A repetition bears the same message id, so that JetStream drops it where the first one was
        stored and only its confirmation was lost; it leaves out callers who have got their response.
        """
        message_id = str(self._new_id())
        attempt = 0
        while live := [waiting for waiting in batch if not waiting.stored.done()]:
            try:
                await self._bus.publish(
                    streams.DELIVERIES_ACCEPTED,
                    accepted_message((one.data for one in live), kind=_newest(live)),
                    message_id=message_id,
                    timeout=self._publish_seconds / 2,
                )
            except MessageTooLargeError:
                # The server's limit went down, or the stream has one of its own: each for itself.
                if len(live) == 1:
                    self._settle(live, error=DeliveryTooLargeError())
                else:
                    for waiting in live:
                        await self._publish([waiting])
            except BusUnavailableError as error:
                attempt += 1
                self._metrics.publish_failures.labels(_LABEL).inc()
                log.warning("accepted deliveries not stored", reason=str(error), deliveries=len(live))
                await asyncio.sleep(backoff.delay(attempt, first=0.05, cap=0.2))
            else:
                self._metrics.batch_deliveries.labels(_LABEL).observe(len(live))
                self._settle(live, error=None)


def _newest(batch: list[_Waiting]) -> type[DeliveriesAccepted]:
    kinds = {waiting.kind for waiting in batch}
    return DeliveriesAccepted2 if DeliveriesAccepted2 in kinds else DeliveriesAccepted
