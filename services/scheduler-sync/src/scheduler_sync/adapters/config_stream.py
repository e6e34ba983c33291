"""The triggers, from ``CONFIG``: one as it is now, and all of them in memory."""

from collections.abc import Iterable, Sequence
from uuid import UUID

import structlog

from trigger_contracts import config, streams
from trigger_contracts.codec import ContractError
from trigger_contracts.config import ScheduleConfig, TriggerState
from trigger_contracts.latest_triggers import LatestTriggers, Removed, Unreadable
from trigger_runtime.bus.connection import Bus
from trigger_runtime.bus.jetstream_api import Received

log = structlog.stdlib.get_logger(__name__)


class ConfigStream:
    """Follows ``config.trigger.*`` for the comparison of everything; asks the stream for one trigger."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._latest = LatestTriggers(kinds=(ScheduleConfig,))
        self._position: int | None = None

    async def latest(self, trigger_id: UUID) -> TriggerState | None:
        data = await self._bus.last(streams.CONFIG.name, subject=streams.config_trigger(trigger_id))
        if data is None:
            return None
        try:
            return config.TRIGGERS.decode(data).trigger
        except ContractError as error:
            log.error("trigger cannot be read", trigger_id=str(trigger_id), reason=str(error))
            return None

    def known(self, trigger_id: UUID) -> TriggerState | None:
        match self._latest.get(trigger_id):
            case TriggerState() as state:
                return state
            case Removed(tombstone=tombstone):
                return tombstone
            case _:
                return None

    def schedule_triggers(self) -> Iterable[TriggerState]:
        return [*self._latest.states(), *self._latest.tombstones()]

    def unreadable_triggers(self) -> Iterable[UUID]:
        ids = (trigger.trigger_id for trigger in self._latest.unreadable())
        return [trigger_id for trigger_id in ids if trigger_id is not None]

    async def position(self) -> int | None:
        """Return the place in the stream to go on from."""
        return self._position

    async def apply(self, batch: Sequence[Received]) -> None:
        """Keep the newest state of each schedule trigger."""
        for message in batch:
            state = self._latest.apply(message.subject, data=message.data)
            if isinstance(state, Unreadable):
                log.error("trigger state unreadable", subject=message.subject, reason=state.reason)
        self._position = batch[-1].sequence
