"""Which event triggers an event starts."""

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from trigger_contracts.config import EventConfig, TriggerState
from trigger_contracts.events import CloudEvent, patterns_of
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
    """The event triggers, indexed by the type that they wait for."""

    def __init__(self) -> None:
        self._by_type: dict[str, dict[UUID, _Listener]] = {}
        self._type_of: dict[UUID, str] = {}

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
        self._type_of[listener.state.id] = config.event_type
        self._by_type.setdefault(config.event_type, {})[listener.state.id] = listener

    def drop(self, trigger_id: UUID) -> None:
        """Remove a trigger: no event starts it any more."""
        event_type = self._type_of.pop(trigger_id, None)
        if event_type is None:
            return
        listeners = self._by_type[event_type]
        del listeners[trigger_id]
        if not listeners:
            del self._by_type[event_type]

    def judge(
        self, event: CloudEvent, *, open_to: tuple[str, ...]
    ) -> Iterator[TriggerState | ConditionFailure | None]:
        """Judge the triggers of the event's type one by one; ``None`` is one that the event does not start.

        A condition takes some milliseconds at most, and there may be thousands: the caller may pause between
        two of them. ``open_to`` names the workspaces that an event without a ``workspace`` reaches; ``*`` is
        all.
        """
        for listener in list(self._candidates(event.type)):
            yield _judgement(listener, event=event, open_to=open_to)

    def __len__(self) -> int:
        return len(self._type_of)

    def _candidates(self, event_type: str) -> Iterator["_Listener"]:
        for pattern in patterns_of(event_type):
            yield from self._by_type.get(pattern, {}).values()


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
