"""The event triggers in memory, kept by a follower of ``config.trigger.*``."""

from collections.abc import Sequence

import structlog
from prometheus_client import CollectorRegistry, Gauge

from orchestrator_worker.domain.matching import EventTriggers
from trigger_contracts.config import EventConfig, TriggerState
from trigger_contracts.events import CloudEvent
from trigger_contracts.latest_triggers import LatestTriggers, Removed, Unreadable
from trigger_expressions import ExpressionError
from trigger_runtime.bus.jetstream_api import Received

log = structlog.stdlib.get_logger(__name__)


class EventTriggerDirectory:
    """Implements ``ports.EventDirectory``.

    A trigger whose newest state cannot be read is started by no event: it may be paused or deleted.
    """

    def __init__(self, *, open_to: tuple[str, ...], registry: CollectorRegistry) -> None:
        self._latest = LatestTriggers(kinds=(EventConfig,))
        self._triggers = EventTriggers()
        self._open_to = open_to
        self._position: int | None = None
        self._unreadable = Gauge(
            "trigger_states_unreadable",
            "Triggers whose newest state cannot be read: no event starts them.",
            registry=registry,
        )

    def matching(self, event: CloudEvent) -> list[TriggerState]:
        """Return the triggers that an event starts."""
        return self._triggers.matching(event, open_to=self._open_to)

    async def position(self) -> int | None:
        """Return the last applied stream sequence."""
        return self._position

    async def apply(self, batch: Sequence[Received]) -> None:
        """Apply states."""
        for item in batch:
            match self._latest.apply(item.subject, data=item.data):
                case TriggerState() as state:
                    self._put(state)
                case Removed(trigger_id=trigger_id):
                    self._triggers.drop(trigger_id)
                case Unreadable(trigger_id=trigger_id, reason=reason):
                    log.error(
                        "trigger state unreadable",
                        subject=item.subject,
                        sequence=item.sequence,
                        reason=reason,
                    )
                    if trigger_id is not None:
                        self._triggers.drop(trigger_id)
                case None:
                    pass
            self._position = item.sequence
        self._unreadable.set(len(list(self._latest.unreadable())))

    def _put(self, state: TriggerState) -> None:
        try:
            self._triggers.put(state)
        except ExpressionError as error:
            log.error("trigger condition unreadable", trigger_id=str(state.id), reason=str(error))
