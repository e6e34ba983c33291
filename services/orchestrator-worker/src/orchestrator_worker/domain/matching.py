"""Which event triggers an event starts."""

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from orchestrator_worker.domain.json_path import MISSING, find, json_equal
from trigger_contracts.config import EventConfig, TriggerState
from trigger_contracts.events import CloudEvent
from trigger_expressions import EventContext, Expression

_BELOW = ".*"
ALL_WORKSPACES = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Waiting:
    state: TriggerState
    condition: Expression | None


class EventTriggers:
    """The event triggers that are there, indexed by the type that they wait for."""

    def __init__(self) -> None:
        self._by_type: dict[str, dict[UUID, _Waiting]] = {}
        self._type_of: dict[UUID, str] = {}

    def put(self, state: TriggerState) -> None:
        """Take a trigger's state instead of the one that was known.

        Raises ``trigger_expressions.ExpressionError`` for a condition that a newer trigger-api accepts
        and this version cannot compile: the trigger then starts on nothing.
        """
        self.drop(state.id)
        config = state.config
        if isinstance(config, EventConfig) and state.enabled and state.deleted_at is None:
            condition = None if config.expression is None else Expression(config.expression)
            self._type_of[state.id] = config.event_type
            waiting = _Waiting(state=state, condition=condition)
            self._by_type.setdefault(config.event_type, {})[state.id] = waiting

    def drop(self, trigger_id: UUID) -> None:
        """Start a trigger no more."""
        known = self._type_of.pop(trigger_id, None)
        if known is None:
            return
        waiting = self._by_type[known]
        del waiting[trigger_id]
        if not waiting:
            del self._by_type[known]

    def matching(self, event: CloudEvent, *, open_to: tuple[str, ...]) -> list[TriggerState]:
        """Return the triggers that the event starts.

        ``open_to`` names the workspaces that an event without a ``workspace`` reaches; ``*`` is all.
        """
        found = [
            waiting
            for waiting in self._candidates(event.type)
            if matches(waiting.state, event, open_to=open_to)
        ]
        if all(waiting.condition is None for waiting in found):
            return [waiting.state for waiting in found]
        # Made once for all conditions: turning an event into CEL's values costs more than asking them.
        facts = EventContext(event.document)
        return [
            waiting.state for waiting in found if waiting.condition is None or waiting.condition.holds(facts)
        ]

    def __len__(self) -> int:
        return len(self._type_of)

    def _candidates(self, event_type: str) -> Iterator["_Waiting"]:
        yield from self._by_type.get(event_type, {}).values()
        prefix = event_type
        while "." in prefix:
            prefix = prefix.rpartition(".")[0]
            yield from self._by_type.get(prefix + _BELOW, {}).values()


def matches(trigger: TriggerState, event: CloudEvent, *, open_to: tuple[str, ...]) -> bool:
    """Tell whether all but the condition agrees: enabled, workspace, type, source and every filter."""
    config = trigger.config
    return (
        isinstance(config, EventConfig)
        and trigger.enabled
        and trigger.deleted_at is None
        and _reaches(trigger.workspace, event=event, open_to=open_to)
        and _is_of_type(event.type, wanted=config.event_type)
        and config.source in (None, event.source)
        and all(_holds(event, path=path, wanted=wanted) for path, wanted in config.filters.items())
    )


def _reaches(workspace: str, *, event: CloudEvent, open_to: tuple[str, ...]) -> bool:
    if event.workspace is not None:
        return event.workspace == workspace
    return ALL_WORKSPACES in open_to or workspace in open_to


def _is_of_type(event_type: str, *, wanted: str) -> bool:
    if wanted.endswith(_BELOW):
        return event_type.startswith(wanted.removesuffix("*"))
    return event_type == wanted


def _holds(event: CloudEvent, *, path: str, wanted: object) -> bool:
    found = find(event.document, path=tuple(path.split(".")))
    return found is not MISSING and json_equal(found, wanted)
