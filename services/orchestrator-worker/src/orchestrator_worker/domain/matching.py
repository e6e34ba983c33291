"""Which event triggers an event starts."""

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from orchestrator_worker.domain.json_path import MISSING, find, json_equal
from trigger_contracts.config import EventConfig, TriggerState
from trigger_contracts.events import CloudEvent, covers, patterns_of
from trigger_expressions import EventContext, Expression, filter_path

ALL_WORKSPACES = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Listener:
    state: TriggerState
    condition: Expression | None


class EventTriggers:
    """The event triggers, indexed by the type that they wait for."""

    def __init__(self) -> None:
        self._by_type: dict[str, dict[UUID, _Listener]] = {}
        self._type_of: dict[UUID, str] = {}

    def put(self, state: TriggerState) -> None:
        """Replace the known state of a trigger.

        Raises ``trigger_expressions.ExpressionError`` for a condition that a newer trigger-api accepts
        and this version cannot compile: the trigger then starts on nothing.
        """
        self.drop(state.id)
        config = state.config
        if isinstance(config, EventConfig) and state.enabled and state.deleted_at is None:
            condition = None if config.expression is None else Expression(config.expression)
            self._type_of[state.id] = config.event_type
            listener = _Listener(state=state, condition=condition)
            self._by_type.setdefault(config.event_type, {})[state.id] = listener

    def drop(self, trigger_id: UUID) -> None:
        """Remove a trigger: no event starts it any more."""
        event_type = self._type_of.pop(trigger_id, None)
        if event_type is None:
            return
        listeners = self._by_type[event_type]
        del listeners[trigger_id]
        if not listeners:
            del self._by_type[event_type]

    def matching(self, event: CloudEvent, *, open_to: tuple[str, ...]) -> list[TriggerState]:
        """Return the triggers that the event starts.

        ``open_to`` names the workspaces that an event without a ``workspace`` reaches; ``*`` is all.
        """
        agreeing = [
            listener
            for listener in self._candidates(event.type)
            if matches(listener.state, event, open_to=open_to)
        ]
        if all(listener.condition is None for listener in agreeing):
            return [listener.state for listener in agreeing]
        # Made once for all conditions: to convert an event to CEL's values costs more than to evaluate them.
        context = EventContext(event.document)
        return [
            listener.state
            for listener in agreeing
            if listener.condition is None or listener.condition.holds(context)
        ]

    def __len__(self) -> int:
        return len(self._type_of)

    def _candidates(self, event_type: str) -> Iterator["_Listener"]:
        for pattern in patterns_of(event_type):
            yield from self._by_type.get(pattern, {}).values()


def matches(trigger: TriggerState, event: CloudEvent, *, open_to: tuple[str, ...]) -> bool:
    """Tell whether all but the condition agrees: enabled, workspace, type, source and every filter."""
    config = trigger.config
    return (
        isinstance(config, EventConfig)
        and trigger.enabled
        and trigger.deleted_at is None
        and _reaches(trigger.workspace, event=event, open_to=open_to)
        and covers(config.event_type, event_type=event.type)
        and config.source in (None, event.source)
        and all(_holds(event, path=path, expected=expected) for path, expected in config.filters.items())
    )


def _reaches(workspace: str, *, event: CloudEvent, open_to: tuple[str, ...]) -> bool:
    if event.workspace is not None:
        return event.workspace == workspace
    return ALL_WORKSPACES in open_to or workspace in open_to


def _holds(event: CloudEvent, *, path: str, expected: object) -> bool:
    segments = filter_path(path)
    actual = MISSING if segments is None else find(event.document, path=segments)
    return actual is not MISSING and json_equal(actual, expected)
