"""Following a stream in order: a directory in memory, or a projection that keeps its own cursor."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Final

import structlog
from nats.aio.msg import Msg
from nats.js import api

from trigger_runtime import backoff
from trigger_runtime.bus.connection import Bus
from trigger_runtime.bus.jetstream_api import OUTAGE, Received, describe, received
from trigger_runtime.bus.pull import PullLostError, pull_messages
from trigger_runtime.bus.subscription import RetryLaterError
from trigger_runtime.lifecycle import BackgroundTask, cancel

log = structlog.stdlib.get_logger(__name__)

_BATCH = 1000
_INTERRUPTIONS: Final[tuple[type[Exception], ...]] = (*OUTAGE, RetryLaterError)


class Follower(BackgroundTask):
    """A component that applies a stream's messages in order, each batch once.

    ``position`` returns the last applied stream sequence, or ``None`` to begin with the last message of
    each subject. ``apply`` moves ``position`` behind the batch in one step with its effect. The follower
    never acknowledges: the position is the follower's own.

    When ``apply`` raises ``RetryLaterError`` the batch comes again. Any other error is a defect and is
    logged; the batch comes again too, since skipping it would leave a hidden gap.
    """

    def __init__(
        self,
        bus: Bus,
        *,
        name: str,
        stream: str,
        subjects: Sequence[str],
        position: Callable[[], Awaitable[int | None]],
        apply: Callable[[Sequence[Received]], Awaitable[None]],
        on_stream_recreated: Callable[[], None] = lambda: None,
    ) -> None:
        """``on_stream_recreated`` is called when the stream is another one, and read from its start."""
        super().__init__(f"follower {name}", self._follow_forever)
        self._bus = bus
        self._stream = stream
        self._subjects = list(subjects)
        self._position = position
        self._apply = apply
        self._on_stream_recreated = on_stream_recreated
        self._caught_up = asyncio.Event()
        self._applied = 0
        self._moved = asyncio.Event()
        self._attempt = 0
        self._stream_created: datetime | None = None

    async def caught_up(self) -> None:
        """Wait until all messages that were in the stream at the beginning are applied."""
        await self._caught_up.wait()

    def check(self) -> str | None:
        """Return why the state is not complete yet, or ``None``. Once complete, it stays usable."""
        return None if self._caught_up.is_set() else "still reading"

    async def end(self) -> int:
        """Return the sequence of the newest message to follow, 0 where there is none, from the leader.

        Raises ``BusUnavailableError``.
        """
        newest = [await self._bus.last_stored(self._stream, subject=subject) for subject in self._subjects]
        return max((message.sequence for message in newest if message is not None), default=0)

    async def applied(self, sequence: int) -> None:
        """Wait until everything up to this sequence is applied."""
        while self._applied < sequence or not self._caught_up.is_set():
            self._moved.clear()
            await self._moved.wait()

    async def _follow_forever(self) -> None:
        while True:
            await self._bus.ready()
            try:
                await self._follow(await self._position())
            except _INTERRUPTIONS as error:
                self._attempt += 1
                log.warning("follower interrupted", follower=self.name, reason=describe(error))
                await asyncio.sleep(backoff.delay(self._attempt, cap=5.0))
            except Exception:
                # No caller awaits this task, and one surprise must not stop it.
                self._attempt += 1
                log.exception("follower failed", follower=self.name)
                await asyncio.sleep(backoff.delay(self._attempt))

    async def _follow(self, after: int | None) -> None:
        created = await self._bus.js.add_consumer(self._stream, await self._consumer(after))
        remaining = created.num_pending or 0
        if not remaining:
            self._caught_up.set()
            self._moved.set()
        queue: asyncio.Queue[Msg | Exception] = asyncio.Queue(maxsize=2 * _BATCH)
        pulling = asyncio.create_task(self._pull(created.name, queue=queue), name=f"{self.name} pull")
        try:
            while True:
                batch, ended = await _next_batch(queue)
                if batch:
                    await self._apply(batch)
                    self._applied = batch[-1].sequence
                    self._attempt = 0
                    remaining -= len(batch)
                    # By count too: a stream under constant writes always has a next message.
                    if remaining <= 0 or not batch[-1].pending:
                        self._caught_up.set()
                    self._moved.set()
                if ended is not None:
                    raise ended
        finally:
            await cancel([pulling])

    async def _consumer(self, after: int | None) -> api.ConsumerConfig:
        config = api.ConsumerConfig(
            filter_subjects=self._subjects,
            ack_policy=api.AckPolicy.NONE,
            inactive_threshold=60.0,
            mem_storage=True,
            num_replicas=1,
            deliver_policy=api.DeliverPolicy.LAST_PER_SUBJECT,
        )
        info = await self._bus.js.stream_info(self._stream)
        known, self._stream_created = self._stream_created, info.created
        if after is None:
            return config
        if info.state.last_seq < after or known not in (None, info.created):
            # The stream is another one (restored, or wiped): its sequences are not those of ours.
            log.error("stream recreated; reading it from the start", stream=self._stream, position=after)
            self._on_stream_recreated()
            after = 0
        self._applied = after
        config.deliver_policy = api.DeliverPolicy.BY_START_SEQUENCE
        config.opt_start_seq = after + 1
        return config

    async def _pull(self, consumer: str, *, queue: asyncio.Queue[Msg | Exception]) -> None:
        """Queue the messages, and at last the error that ended the pulling."""
        expected = 1
        try:
            async with contextlib.aclosing(
                pull_messages(self._bus.client, stream=self._stream, consumer=consumer, capacity=_capacity)
            ) as pulled:
                async for message in pulled:
                    if message.metadata.sequence.consumer != expected:
                        raise PullLostError(f"{self.name}: a message is missing")
                    expected += 1
                    await queue.put(message)
        except Exception as error:  # noqa: BLE001 - raised by the task that empties the queue
            await queue.put(error)


async def _capacity() -> int:
    return _BATCH


async def _next_batch(queue: asyncio.Queue[Msg | Exception]) -> tuple[list[Received], Exception | None]:
    """Wait for a message; return all that are queued, and the error that ended the pulling."""
    batch: list[Received] = []
    item = await queue.get()
    while not isinstance(item, Exception):
        batch.append(received(item))
        if queue.empty() or len(batch) >= _BATCH:
            return batch, None
        item = queue.get_nowait()
    return batch, item
