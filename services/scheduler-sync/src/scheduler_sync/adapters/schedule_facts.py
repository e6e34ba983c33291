"""Facts about schedules, to ``SCHEDULES``."""

import msgspec

from scheduler_sync.ports import BusAwayError, NewerFactError
from trigger_contracts import codec, streams
from trigger_contracts.schedules import AnyScheduleFact
from trigger_runtime.bus.connection import Bus, BusUnavailableError, StoredMessage, WrongLastSequenceError


class _Versioned(msgspec.Struct, rename="camel"):
    """What can be read of a fact of any release."""

    trigger_version: int


class ScheduleFacts:
    """Publishes to the trigger's subject; the stream keeps the last fact of each.

    Between two replicas, whoever read a version first may be the last to tell of it. So a fact is stored
    after a certain other one, or not at all, and then that is looked at.
    """

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def announce(self, fact: AnyScheduleFact, *, over_version: int = 0) -> int:
        """Store a fact, unless one of a newer version is there."""
        try:
            return await self._stored(fact, newest=max(fact.trigger_version, over_version))
        except BusUnavailableError as error:
            raise BusAwayError(str(error)) from error

    async def _stored(self, fact: AnyScheduleFact, *, newest: int) -> int:
        subject, data = streams.schedule(fact.trigger_id), codec.encode(fact)
        # Of the first version nothing is said yet, as a rule: that saves a read.
        is_known = fact.trigger_version == 1
        last: StoredMessage | None = None
        while True:
            if not is_known:
                last = await self._bus.last_stored(streams.SCHEDULES.name, subject=subject)
            if last is not None and (version := _version(last.data)) > newest:
                raise NewerFactError(version)
            try:
                return await self._bus.publish(subject, data, after=0 if last is None else last.sequence)
            except WrongLastSequenceError:
                is_known = False


def _version(data: bytes) -> int:
    """Return the version that a stored fact is of; what is no fact is older than any."""
    try:
        return msgspec.json.decode(data, type=_Versioned).trigger_version
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return 0
