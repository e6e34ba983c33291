"""Events as the log keeps them: JSON of a schema version, read by every later release.

A class describes the newest version of its event. Older ones are brought up to it when they are read, one
step at a time; the log itself is never rewritten.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, Generic, TypeVar

import msgspec

from trigger_api.domain.trigger import TriggerEvent
from trigger_api.domain.workflow import WorkflowEvent

E = TypeVar("E")
Upcast = Callable[[dict[str, Any]], dict[str, Any]]
"""From the fields of one schema version to those of the next one."""


class UnreadableEventError(Exception):
    """The log holds an event that this release does not know: a newer one has been running."""


class EventCodec(Generic[E]):
    """The events of one kind of aggregate. ``upcasts`` leads on from each older version of an event."""

    def __init__(self, kinds: Any, *, upcasts: Mapping[tuple[str, int], Upcast]) -> None:
        self._decoder: msgspec.json.Decoder[E] = msgspec.json.Decoder(kinds)
        self._kinds = kinds
        self._upcasts = dict(upcasts)
        self._newest: dict[str, int] = {}
        for name, version in self._upcasts:
            self._newest[name] = max(self._newest.get(name, 1), version + 1)

    def schema_version(self, event: E) -> int:
        """Return the version that an event is written in."""
        return self._newest.get(name_of(event), 1)

    def encode(self, event: E) -> str:
        """Return an event as JSON text."""
        return msgspec.json.encode(event).decode()

    def decode(self, name: str, *, schema_version: int, data: str) -> E:
        """Return an event, brought up to its newest version. Raises ``UnreadableEventError``."""
        newest = self._newest.get(name, 1)
        try:
            if schema_version == newest:
                return self._decoder.decode(data)
            if schema_version > newest:
                raise UnreadableEventError(f"{name} of schema version {schema_version}")
            fields = msgspec.json.decode(data)
            for version in range(schema_version, newest):
                fields = self._upcasts[name, version](fields)
            return msgspec.convert(fields, self._kinds)  # type: ignore[no-any-return]
        except msgspec.ValidationError as error:
            raise UnreadableEventError(f"{name} of schema version {schema_version}: {error}") from error


def name_of(event: object) -> str:
    """Return an event's name in the log."""
    return str(type(event).__struct_config__.tag)  # type: ignore[attr-defined]


def _secret_rotated_1(fields: dict[str, Any]) -> dict[str, Any]:
    # In the first version nobody could choose the secret that follows.
    return {**fields, "origin": "generated"}


def _options_added(fields: dict[str, Any]) -> dict[str, Any]:
    # What a configuration does not say has its default. The version is there for older releases: one that
    # does not know an option must not change a trigger that has it, for it would drop the option on the bus.
    return fields


TRIGGER_EVENTS: Final[EventCodec[TriggerEvent]] = EventCodec(
    TriggerEvent,
    upcasts={
        ("SecretRotated", 1): _secret_rotated_1,
        ("TriggerCreated", 1): _options_added,
        ("TriggerConfigChanged", 1): _options_added,
    },
)
WORKFLOW_EVENTS: Final[EventCodec[WorkflowEvent]] = EventCodec(WorkflowEvent, upcasts={})
