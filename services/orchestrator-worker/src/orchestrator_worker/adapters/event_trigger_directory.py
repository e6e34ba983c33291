"""The event triggers in memory, kept by a follower of ``config.trigger.*``."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge

from orchestrator_worker.domain.matching import ConditionFailure, EventTriggers
from trigger_contracts import streams
from trigger_contracts.condition_failures import ConditionFailed, one_failure
from trigger_contracts.config import EventConfig, TriggerState
from trigger_contracts.events import CloudEvent
from trigger_contracts.latest_triggers import LatestTriggers, Removed, Unreadable
from trigger_expressions import ExpressionError
from trigger_runtime.bus.jetstream_api import Received

_LONGEST_STRETCH: Final = 0.01
"""Seconds for which conditions are evaluated before others get a turn."""

log = structlog.stdlib.get_logger(__name__)


class EventTriggerDirectory:
    """Implements ``ports.EventDirectory``.

    A trigger whose newest state cannot be read is started by no event: it may be paused or deleted.
    """

    def __init__(
        self,
        *,
        open_to: tuple[str, ...],
        registry: CollectorRegistry,
        publish_failure: Callable[[str, ConditionFailed], None],
        now: Callable[[], datetime],
    ) -> None:
        """``publish_failure`` takes a subject and its message, and neither waits nor fails."""
        self._latest = LatestTriggers(kinds=(EventConfig,))
        self._triggers = EventTriggers()
        self._open_to = open_to
        self._publish_failure = publish_failure
        self._now = now
        self._position: int | None = None
        self._last_failed: dict[UUID, int] = {}
        self._failed = Counter(
            "event_conditions_failed",
            "Conditions that could say nothing of an event: a field is missing, or of another type.",
            registry=registry,
        )
        self._unreadable = Gauge(
            "trigger_states_unreadable",
            "Triggers whose newest state cannot be read: no event starts them.",
            registry=registry,
        )

    async def matching(self, event: CloudEvent) -> list[TriggerState]:
        """Return the triggers that an event starts."""
        started: list[TriggerState] = []
        loop = asyncio.get_running_loop()
        pause_at = loop.time() + _LONGEST_STRETCH
        for judgement in self._triggers.judge(event, open_to=self._open_to):
            if isinstance(judgement, TriggerState):
                started.append(judgement)
            elif judgement is not None:
                self._note(judgement, event=event)
            if loop.time() > pause_at:
                await asyncio.sleep(0)
                pause_at = loop.time() + _LONGEST_STRETCH
        return started

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
                    self._last_failed.pop(trigger_id, None)
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

    def _note(self, failure: ConditionFailure, *, event: CloudEvent) -> None:
        """Count and publish it, and log it once for each version of a trigger."""
        self._failed.inc()
        message = one_failure(
            failure.trigger_id,
            trigger_version=failure.trigger_version,
            expression=failure.expression,
            at=self._now(),
            detail=failure.detail,
        )
        self._publish_failure(streams.condition(failure.trigger_id), message)
        if self._last_failed.get(failure.trigger_id) == failure.trigger_version:
            return
        self._last_failed[failure.trigger_id] = failure.trigger_version
        log.warning(
            "condition could not be evaluated",
            trigger_id=str(failure.trigger_id),
            trigger_version=failure.trigger_version,
            event_type=event.type,
            reason=failure.detail,
        )

    def _put(self, state: TriggerState) -> None:
        try:
            self._triggers.put(state)
        except ExpressionError as error:
            log.error("trigger condition unreadable", trigger_id=str(state.id), reason=str(error))
