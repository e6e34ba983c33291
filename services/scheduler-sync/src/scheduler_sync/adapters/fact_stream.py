"""Facts about schedules, on ``SCHEDULES``: published here, and followed into memory."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import msgspec
import structlog

from scheduler_sync.ports import NewerFactError
from scheduler_sync.usecases.status_publisher import PublishedFacts
from trigger_contracts import codec, schedules, streams
from trigger_contracts.codec import ContractError
from trigger_contracts.schedules import AnyScheduleFact
from trigger_runtime.bus.connection import Bus, StoredMessage, WrongLastSequenceError
from trigger_runtime.bus.jetstream_api import Received

log = structlog.stdlib.get_logger(__name__)

_PREFIX: Final = streams.SCHEDULES.subjects[0].removesuffix("*")


class _Versioned(msgspec.Struct, rename="camel"):
    """What can be read of a fact of any release."""

    trigger_version: int


class FactPublisher:
    """Publishes to the trigger's subject; the stream keeps the last fact of each.

    Of two replicas, the one that read a version first may be the last to publish. So a fact is stored only
    directly after the fact that was read before, and otherwise that is read again.
    """

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def publish(self, fact: AnyScheduleFact, *, over_version: int = 0) -> int:
        subject, data = streams.schedule(fact.trigger_id), codec.encode(fact)
        newest = max(fact.trigger_version, over_version)
        # There is hardly ever a fact before that of the first version: that saves a read.
        is_read = fact.trigger_version == 1
        last: StoredMessage | None = None
        while True:
            if not is_read:
                last = await self._bus.last_stored(streams.SCHEDULES.name, subject=subject)
            if last is not None and (version := _version(last.data)) > newest:
                raise NewerFactError(version)
            try:
                return await self._bus.publish(subject, data, after=0 if last is None else last.sequence)
            except WrongLastSequenceError:
                is_read = False


class FactFollower:
    """Applies the facts of all replicas, those of this one included."""

    def __init__(self, published: PublishedFacts) -> None:
        self._published = published
        self._position: int | None = None

    async def position(self) -> int | None:
        """Return the place in the stream to go on from."""
        return self._position

    async def apply(self, batch: Sequence[Received]) -> None:
        """Keep the facts of a batch."""
        for message in batch:
            try:
                self._published.apply(schedules.FACTS.decode(message.data), sequence=message.sequence)
            except ContractError as error:
                # Of a newer release, or damaged: the trigger's fact is published again.
                log.warning("fact not understood", subject=message.subject, reason=str(error))
                self._forget(message)
        self._position = batch[-1].sequence

    def on_stream_recreated(self) -> None:
        """Forget the facts of the old stream."""
        self._published.forget_all()

    def _forget(self, message: Received) -> None:
        try:
            trigger_id = UUID(message.subject.removeprefix(_PREFIX))
        except ValueError:
            return
        self._published.forget(trigger_id, sequence=message.sequence)


def _version(data: bytes) -> int:
    """Return the version of a stored fact; what is not a fact is older than any."""
    try:
        return msgspec.json.decode(data, type=_Versioned).trigger_version
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return 0
