"""What every aggregate has in common: recorded events, their codec, the fold, and its one description.

A new aggregate is one module that defines its events, its state, ``evolve`` and an ``Aggregate``, and one
migration for its table. The event store, the relay, the rebuild and the history need nothing else.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar
from uuid import UUID

import msgspec

from trigger_contracts.codec import Message
from trigger_contracts.config import Change, SealedSecret


class State(Protocol):
    """What the event store reads of every aggregate's state."""

    @property
    def id(self) -> UUID:
        """The stream of its events."""

    @property
    def workspace(self) -> str:
        """Who owns it."""

    @property
    def version(self) -> int:
        """The version of its last event, from 1."""

    @property
    def deleted_at(self) -> datetime | None:
        """When it ended."""


S = TypeVar("S", bound=State)
E = TypeVar("E")
E_co = TypeVar("E_co", covariant=True)

Upcast = Callable[[dict[str, Any]], dict[str, Any]]
"""From the fields of one schema version to those of the next one."""
SealedSecrets = Mapping[UUID, SealedSecret]


class DomainEvent(msgspec.Struct, frozen=True, kw_only=True, rename="camel", tag_field="type"):
    """What every event extends; its tag is its name in the log."""


@dataclass(frozen=True, slots=True)
class Author:
    """Who changes something, and in which request."""

    actor: str
    request_id: str


@dataclass(frozen=True, slots=True)
class EventRef:
    """One event of one stream."""

    stream_id: UUID
    version: int


@dataclass(frozen=True, slots=True)
class Recorded(Generic[E_co]):
    """An event with its place in its stream.

    ``version`` counts the events of one stream from 1; ``at`` is when the event was decided. ``cause`` is the
    event that this one follows from: the end of its workflow, or the version that a revert leads back to.
    """

    event: E_co
    version: int
    at: datetime
    author: Author
    cause: EventRef | None = None

    @property
    def name(self) -> str:
        """The event's name in the log."""
        return name_of(self.event)


class UnreadableEventError(Exception):
    """The log holds an event that this release does not know: a newer release has written it."""


class EventCodec(Generic[E]):
    """The events of one kind of aggregate, as the log keeps them: JSON of a schema version.

    A class describes the newest version of its event. ``upcasts`` leads on from each older version when an
    event is read, ``None`` where nothing changes; the log itself is never rewritten. ``written_as`` returns
    the version in which older releases may still read an event, ``None`` for the newest one.
    """

    def __init__(
        self,
        kinds: Any,
        *,
        upcasts: Mapping[tuple[str, int], Upcast | None] | None = None,
        written_as: Callable[[E], int | None] = lambda _: None,
    ) -> None:
        self._decoder: msgspec.json.Decoder[E] = msgspec.json.Decoder(kinds)
        self._kinds = kinds
        self._upcasts = dict(upcasts or {})
        self._written_as = written_as
        self._newest: dict[str, int] = {}
        for name, version in self._upcasts:
            self._newest[name] = max(self._newest.get(name, 1), version + 1)

    def schema_version(self, event: E) -> int:
        """Return the version that an event is written in."""
        return self._written_as(event) or self._newest.get(name_of(event), 1)

    def encode(self, event: E) -> str:
        """Return an event as JSON text."""
        return msgspec.json.encode(event).decode()

    def decode(self, name: str, *, schema_version: int, data: str) -> E:
        """Return an event, brought up to its newest version. Raises ``UnreadableEventError``."""
        newest = self._newest.get(name, 1)
        try:
            if schema_version > newest:
                raise UnreadableEventError(f"{name} of schema version {schema_version}")
            steps = [self._upcasts[name, version] for version in range(schema_version, newest)]
            if not any(steps):
                return self._decoder.decode(data)
            fields = msgspec.json.decode(data)
            for step in steps:
                fields = fields if step is None else step(fields)
            return msgspec.convert(fields, self._kinds)  # type: ignore[no-any-return]
        except msgspec.ValidationError as error:
            raise UnreadableEventError(f"{name} of schema version {schema_version}: {error}") from error


@dataclass(frozen=True, slots=True)
class Parent:
    """An aggregate that others belong to: it must exist when they begin. Their ``column`` holds its id."""

    aggregate: "Aggregate[Any, Any]"
    column: str


def no_secrets(_: object) -> Collection[UUID]:
    """Return nothing: most aggregates name no secrets."""
    return ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Aggregate(Generic[S, E]):
    """All that is known of one kind of aggregate."""

    name: str
    """In the log, and in error texts."""
    events: EventCodec[E]
    evolve: Callable[[S | None, Recorded[E]], S]
    """The state after one more event; ``None`` before the first one."""
    facts: Callable[[S], dict[str, Any]]
    """What a user can see of a state, as plain JSON, for the history."""
    table: str
    """The projection, in the schema of this service."""
    columns: Mapping[str, Callable[[S], object]]
    """Its columns, and where their values come from; ``id`` is the key."""
    subject: Callable[[UUID], str]
    """Where a change is published."""
    message: Callable[[S, Recorded[E], SealedSecrets], Message]
    """What is published: the change, and the whole state after it."""
    secret_ids: Callable[[S], Collection[UUID]] = no_secrets
    """The secrets that a state names; the message carries them sealed."""
    parent: Parent | None = None


def name_of(event: object) -> str:
    """Return an event's name in the log."""
    return str(type(event).__struct_config__.tag)  # type: ignore[attr-defined]


def fold(aggregate: Aggregate[S, E], history: Iterable[Recorded[E]]) -> S | None:
    """Return the state that a history leads to; ``None`` for an empty one."""
    state: S | None = None
    for recorded in history:
        state = aggregate.evolve(state, recorded)
    return state


def record(
    aggregate: Aggregate[S, E],
    state: S | None,
    *,
    events: Sequence[E],
    at: datetime,
    author: Author,
    cause: EventRef | None = None,
) -> Iterator[tuple[Recorded[E], S]]:
    """Yield each event with the version that it gets after ``state``, and the state after it."""
    for event in events:
        version = state.version + 1 if state else 1
        recorded = Recorded(event=event, version=version, at=at, author=author, cause=cause)
        state = aggregate.evolve(state, recorded)
        yield recorded, state


def change_of(recorded: Recorded[Any]) -> Change:
    """Return the part of a published message that says what happened."""
    return Change(
        event=recorded.name,
        version=recorded.version,
        at=recorded.at,
        actor=recorded.author.actor,
        request_id=recorded.author.request_id,
    )
