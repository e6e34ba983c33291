"""Which event triggers an event may start, without a look at each of them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from trigger_contracts.config import EventConfig
from trigger_contracts.events import CloudEvent, patterns_of
from trigger_expressions import value_of
from trigger_matching import ALL_WORKSPACES
from trigger_paths import MISSING

_Key = tuple[Any, ...]
_Buckets = dict[tuple[str, ...], dict[_Key, dict[UUID, None]]]
"""Paths of filters → keys of the source and of the values → triggers, in the order in which they came."""

_ANY_SOURCE = ("any",)
_ANY_WORKSPACE = None


@dataclass(frozen=True, slots=True)
class _Place:
    workspace: str
    event_type: str
    paths: tuple[str, ...]
    key: _Key


class TriggerIndex:
    """A hash index on workspace, event type, source and the values of all filters.

    Triggers whose filters have the same paths share one look into the event. So the work grows with the
    number of different sets of paths, and with the triggers that match, but not with all others.

    It selects and does not decide: a candidate may still fail a check, and no trigger that passes them all is
    left out.
    """

    def __init__(self) -> None:
        self._buckets: dict[tuple[str | None, str], _Buckets] = {}
        self._places: dict[UUID, _Place] = {}

    def add(self, trigger_id: UUID, *, workspace: str, config: EventConfig) -> None:
        """Add a trigger that is not in it."""
        paths = tuple(sorted(config.filters))
        source = _ANY_SOURCE if config.source is None else config.source
        key = (source, *(_key_of(config.filters[path]) for path in paths))
        place = _Place(workspace=workspace, event_type=config.event_type, paths=paths, key=key)
        self._places[trigger_id] = place
        for scope in (workspace, _ANY_WORKSPACE):
            buckets = self._buckets.setdefault((scope, place.event_type), {})
            buckets.setdefault(place.paths, {}).setdefault(place.key, {})[trigger_id] = None

    def remove(self, trigger_id: UUID) -> None:
        """Remove a trigger that is in it, and the buckets that are empty then."""
        place = self._places.pop(trigger_id)
        for scope in (place.workspace, _ANY_WORKSPACE):
            buckets = self._buckets[scope, place.event_type]
            by_key = buckets[place.paths]
            del by_key[place.key][trigger_id]
            if not by_key[place.key]:
                del by_key[place.key]
            if not by_key:
                del buckets[place.paths]
            if not buckets:
                del self._buckets[scope, place.event_type]

    def candidates(self, event: CloudEvent, *, open_to: tuple[str, ...]) -> Iterator[UUID]:
        """Yield the triggers that an event may start, each once.

        ``open_to`` names the workspaces that an event without a ``workspace`` reaches; ``*`` is all.
        """
        keys: dict[str, Any] = {}
        for scope in _scopes(event, open_to=open_to):
            for pattern in patterns_of(event.type):
                for paths, by_key in self._buckets.get((scope, pattern), {}).items():
                    values = _keys_at(paths, document=event.document, known=keys)
                    if values is None:
                        continue
                    for source in (event.source, _ANY_SOURCE):
                        yield from by_key.get((source, *values), ())


def _scopes(event: CloudEvent, *, open_to: tuple[str, ...]) -> Iterable[str | None]:
    if event.workspace is not None:
        return (event.workspace,)
    if ALL_WORKSPACES in open_to:
        return (_ANY_WORKSPACE,)
    return dict.fromkeys(open_to)


def _keys_at(paths: tuple[str, ...], *, document: Any, known: dict[str, Any]) -> list[Any] | None:
    """Return the key of what stands at each path; ``None`` where nothing stands at one of them."""
    keys = []
    for path in paths:
        if path not in known:
            value = value_of(document, path=path)
            known[path] = MISSING if value is MISSING else _key_of(value)
        if known[path] is MISSING:
            return None
        keys.append(known[path])
    return keys


def _key_of(value: Any) -> Any:
    """Return what is equal for all JSON values that ``trigger_expressions.json_equal`` takes for the same.

    Lists and objects have their length only: an event's may be large and deep, and the check compares them.
    """
    if isinstance(value, bool | list | dict):
        return (type(value), value if isinstance(value, bool) else len(value))
    return value
