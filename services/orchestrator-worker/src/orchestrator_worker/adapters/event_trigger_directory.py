"""The event triggers in memory, kept by a follower of ``config.trigger.*``."""

from collections.abc import Sequence

import structlog

from orchestrator_worker.domain.matching import EventTriggers
from trigger_contracts.codec import ContractError
from trigger_contracts.config import TRIGGERS, TriggerState
from trigger_contracts.events import CloudEvent
from trigger_runtime.bus.received import Received

log = structlog.stdlib.get_logger(__name__)


class EventTriggerDirectory:
    """Implements ``usecases.EventDirectory``."""

    def __init__(self, *, open_to: tuple[str, ...]) -> None:
        self._triggers = EventTriggers()
        self._open_to = open_to
        self._position: int | None = None

    def matching(self, event: CloudEvent) -> list[TriggerState]:
        """Return the triggers that an event starts."""
        return self._triggers.matching(event, open_to=self._open_to)

    async def position(self) -> int | None:
        """Return the last applied stream sequence."""
        return self._position

    async def apply(self, batch: Sequence[Received]) -> None:
        """Take states in. One that cannot be read is skipped: it must not keep all others out."""
        for item in batch:
            try:
                self._triggers.evolve(TRIGGERS.decode(item.data).trigger)
            except ContractError as error:
                log.error(
                    "trigger state skipped", subject=item.subject, sequence=item.sequence, reason=str(error)
                )
            self._position = item.sequence
