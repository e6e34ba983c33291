"""Which event triggers an event starts."""

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from orchestrator_worker.domain.trigger_index import TriggerIndex
from trigger_contracts.config import EventConfig, TriggerState
from trigger_contracts.events import CloudEvent
from trigger_expressions import Expression, ExpressionError
from trigger_matching import event_checks, first_failure


@dataclass(frozen=True, slots=True, kw_only=True)
class _Listener:
    state: TriggerState
    condition: Expression | None
    unreadable: str | None = None
    """Why the condition cannot be compiled here: then it says nothing of any event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionFailure:
    """A condition that can say nothing of an event: its trigger is not started. ``detail`` says why."""

    trigger_id: UUID
    trigger_version: int
    expression: str
    detail: str


class EventTriggers:
    """The event triggers, indexed by what their options ask for."""

    def __init__(self) -> None:
        self._listeners: dict[UUID, _Listener] = {}
        self._index = TriggerIndex()

    def put(self, state: TriggerState) -> None:
        """Replace the known state of a trigger.

        Raises ``trigger_expressions.ExpressionError`` for a condition that a newer trigger-api accepts
        and this version cannot compile: the trigger then starts on nothing, and each event that its other
        options match is a failure of its condition.
        """
        self.drop(state.id)
        config = state.config
        if isinstance(config, EventConfig) and state.enabled and state.deleted_at is None:
            try:
                condition = None if config.expression is None else Expression(config.expression)
            except ExpressionError as error:
                self._add(_Listener(state=state, condition=None, unreadable=str(error)), config=config)
                raise
            self._add(_Listener(state=state, condition=condition), config=config)

    def _add(self, listener: _Listener, *, config: EventConfig) -> None:
        self._listeners[listener.state.id] = listener
        self._index.add(listener.state.id, workspace=listener.state.workspace, config=config)

    def drop(self, trigger_id: UUID) -> None:
        """Remove a trigger: no event starts it any more."""
        if self._listeners.pop(trigger_id, None) is not None:
            self._index.remove(trigger_id)

    def judge(
        self, event: CloudEvent, *, open_to: tuple[str, ...]
    ) -> Iterator[TriggerState | ConditionFailure | None]:
        """Judge the triggers that the index names, one by one; ``None`` is one that the event does not start.

        A condition takes some milliseconds at most, and there may be thousands: the caller may pause between
        two of them. So the candidates are those of the beginning: a trigger that changes meanwhile is neither
        missed nor judged twice. ``open_to`` names the workspaces that an event without a ``workspace``
        reaches; ``*`` is all.
        """
        candidates = [self._listeners[each] for each in self._index.candidates(event, open_to=open_to)]
        for listener in candidates:
            yield _judgement(listener, event=event, open_to=open_to)

    def __len__(self) -> int:
        return len(self._listeners)


def _judgement(
    listener: _Listener, *, event: CloudEvent, open_to: tuple[str, ...]
) -> TriggerState | ConditionFailure | None:
    state = listener.state
    checks = event_checks(state, event, condition=listener.condition, open_to=open_to)
    failed = first_failure(checks)
    error = listener.unreadable if failed is None else failed.error
    if error is None:
        return state if failed is None else None
    assert isinstance(state.config, EventConfig)  # noqa: S101 - no other one listens
    return ConditionFailure(
        trigger_id=state.id,
        trigger_version=state.version,
        expression=state.config.expression or "",
        detail=error,
    )
