"""Publishes what is noted often, now and then, and makes no caller wait for it."""

import asyncio
from collections.abc import Callable
from typing import Final, Generic, TypeVar
from uuid import uuid4

import structlog

from trigger_runtime.bus.connection import Bus, BusUnavailableError, MessageTooLargeError
from trigger_runtime.lifecycle import BackgroundTask
from trigger_runtime.metrics import Metrics

log = structlog.stdlib.get_logger(__name__)

M = TypeVar("M")

MAX_SUBJECTS: Final = 10_000
_SECONDS_BETWEEN: Final = 5.0
_PUBLISH_SECONDS: Final = 2.0


class PacedPublisher(BackgroundTask, Generic[M]):
    """A component. Each ``seconds`` it publishes at most one message for each subject.

    ``merge(earlier, later)`` makes one message of two for the same subject. A message that the bus did not
    confirm may be stored: it is sent again under the same id while the stream still knows ids
    (``keep_trying_seconds``), then it is dropped and counted. So a count in messages is never too high.
    """

    def __init__(
        self,
        name: str,
        *,
        bus: Bus,
        encode: Callable[[M], bytes],
        merge: Callable[[M, M], M],
        metrics: Metrics,
        seconds: float = _SECONDS_BETWEEN,
        keep_trying_seconds: float = 100.0,
    ) -> None:
        super().__init__(name, self._publish_forever)
        self._bus = bus
        self._encode = encode
        self._merge = merge
        self._dropped = metrics.paced_dropped.labels(publisher=name)
        self._seconds = seconds
        self._tries = max(1, int(keep_trying_seconds / (seconds + _PUBLISH_SECONDS)))
        self._waiting: dict[str, M] = {}
        # With their message ids, which a message keeps for all its attempts.
        self._in_flight: dict[str, tuple[str, M]] = {}
        self._wake = asyncio.Event()

    def note(self, subject: str, message: M) -> None:
        """Take it in; never waits, never fails."""
        earlier = self._waiting.get(subject)
        if earlier is None and len(self._waiting) >= MAX_SUBJECTS:
            self._dropped.inc()
            return
        self._waiting[subject] = message if earlier is None else self._merge(earlier, message)
        self._wake.set()

    async def stop(self) -> None:
        """Stop, and publish once what is left: the bus is there until after this."""
        await super().stop()
        await self._publish_in_flight()
        if not self._in_flight:
            self._take_waiting()
            await self._publish_in_flight()
        self._dropped.inc(len(self._in_flight) + len(self._waiting))

    async def _publish_forever(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            self._take_waiting()
            for _ in range(self._tries):
                await self._publish_in_flight()
                await asyncio.sleep(self._seconds)
                if not self._in_flight:
                    break
            self._dropped.inc(len(self._in_flight))
            self._in_flight.clear()

    def _take_waiting(self) -> None:
        self._in_flight = {subject: (str(uuid4()), message) for subject, message in self._waiting.items()}
        self._waiting.clear()

    async def _publish_in_flight(self) -> None:
        """Publish until the first one that the bus does not take: the next would wait as long."""
        for subject, (message_id, message) in list(self._in_flight.items()):
            try:
                await self._bus.publish(
                    subject, self._encode(message), message_id=message_id, timeout=_PUBLISH_SECONDS
                )
            except MessageTooLargeError:
                self._dropped.inc()
            except BusUnavailableError as error:
                log.warning("not published", subject=subject, reason=str(error))
                return
            del self._in_flight[subject]
