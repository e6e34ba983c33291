"""An event with its place in its stream."""

from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar
from uuid import UUID

E_co = TypeVar("E_co", covariant=True)


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
    """``version`` counts the events of one stream from 1; ``at`` is when the event was decided.

    ``cause`` is the event that this one follows from: the end of its workflow, or what it leads back to.
    """

    event: E_co
    version: int
    at: datetime
    author: Author
    cause: EventRef | None = None
