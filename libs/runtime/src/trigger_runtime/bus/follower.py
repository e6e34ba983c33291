"""Following a stream in order: a directory in memory, or a projection that keeps its own cursor."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

import structlog
from nats import errors as nats_errors
from nats.aio.msg import Msg
from nats.js import api

from trigger_runtime import backoff
from trigger_runtime.bus.connection import Bus, BusUnavailableError, describe
from trigger_runtime.bus.consumer import RetryLaterError
from trigger_runtime.bus.pull import PullLostError, messages
from trigger_runtime.bus.received import Received, received
from trigger_runtime.cancelling import cancel

log = structlog.stdlib.get_logger(__name__)

_BATCH = 1000


class Follower:
    """A component that applies a stream's messages in order, each batch once.

    ``position`` says where to go on: the last applied stream sequence, or ``None`` to begin with the
    last message of each subject. ``apply`` must leave ``position`` behind the batch when it returns,
    in one step with its effect. The follower never acknowledges: the position is the follower's own.

    When ``apply`` raises ``RetryLaterError`` the batch comes again; any other error is a defect, is
    logged, and the batch comes again too: skipping would leave a gap that nobody sees.
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
        """``on_stream_recreated`` is told when the stream was made anew, and is to be read from its start."""
        self.name = f"follower {name}"
        self._bus = bus
        self._stream = stream
        self._subjects = list(subjects)
        self._position = position
        self._apply = apply
        self._went_back = on_stream_recreated
        self._task: asyncio.Task[None] | None = None
        self._caught_up = asyncio.Event()
        self._attempt = 0
        self._stream_created: datetime | None = None

    async def start(self) -> None:
        """Begin to follow as soon as the bus is there."""
        self._task = asyncio.create_task(self._follow_forever(), name=self.name)

    async def stop(self) -> None:
        """Stop following; a batch under way is left half-way only where its own transaction allows it."""
        if self._task is not None:
            await cancel([self._task])

    def tasks(self) -> Sequence[asyncio.Task[None]]:
        """Return what runs until the follower is stopped."""
        return [self._task] if self._task is not None else []

    async def caught_up(self) -> None:
        """Wait until everything that was there at the beginning has been applied."""
        await self._caught_up.wait()

    def check(self) -> str | None:
        """Return why what is followed is not complete yet, or ``None``. Once complete, it stays usable."""
        return None if self._caught_up.is_set() else "still reading"

    async def _follow_forever(self) -> None:
        while True:
            await self._bus.ready()
            try:
                await self._follow(await self._position())
            except (
                PullLostError,
                BusUnavailableError,
                RetryLaterError,
                nats_errors.Error,
                TimeoutError,
                OSError,
            ) as error:
                self._attempt += 1
                log.warning("follower interrupted", follower=self.name, reason=describe(error))
                await asyncio.sleep(backoff.delay(self._attempt, cap=5.0))
            except Exception:
                # Nobody waits for this task, and what it follows must not stand still for one surprise.
                self._attempt += 1
                log.exception("follower failed", follower=self.name)
                await asyncio.sleep(backoff.delay(self._attempt))

    async def _follow(self, after: int | None) -> None:
        created = await self._bus.js.add_consumer(self._stream, await self._consumer(after))
        left = created.num_pending or 0
        if not left:
            self._caught_up.set()
        queue: asyncio.Queue[Msg | Exception] = asyncio.Queue(maxsize=2 * _BATCH)
        pulling = asyncio.create_task(self._pull(created.name, queue=queue), name=f"{self.name} pull")
        try:
            while True:
                batch, ended = await _next_batch(queue)
                if batch:
                    await self._apply(batch)
                    self._attempt = 0
                    left -= len(batch)
                    # The count, too: a stream that is always written to is never without a next message.
                    if left <= 0 or not batch[-1].pending:
                        self._caught_up.set()
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
            # The stream was made anew (restored, or wiped): its numbers no longer mean ours.
            log.error("stream went back; reading it from the start", stream=self._stream, position=after)
            self._went_back()
            after = 0
        config.deliver_policy = api.DeliverPolicy.BY_START_SEQUENCE
        config.opt_start_seq = after + 1
        return config

    async def _pull(self, consumer: str, *, queue: asyncio.Queue[Msg | Exception]) -> None:
        """Put what comes into the queue, and at the end the reason why nothing more will."""
        expected = 1
        try:
            async with contextlib.aclosing(
                messages(self._bus.client, stream=self._stream, consumer=consumer, room=_room)
            ) as pulled:
                async for message in pulled:
                    if message.metadata.sequence.consumer != expected:
                        raise PullLostError(f"{self.name}: a message is missing")
                    expected += 1
                    await queue.put(message)
        except Exception as error:  # noqa: BLE001 - raised by the task that empties the queue
            await queue.put(error)


async def _room() -> int:
    return _BATCH


async def _next_batch(queue: asyncio.Queue[Msg | Exception]) -> tuple[list[Received], Exception | None]:
    """Wait for something; return what is there without waiting further, and what ended the pulling."""
    batch: list[Received] = []
    item = await queue.get()
    while not isinstance(item, Exception):
        batch.append(received(item))
        if queue.empty() or len(batch) >= _BATCH:
            return batch, None
        item = queue.get_nowait()
    return batch, item
