"""What every command shares: who calls, appending, and deciding again after a lost race."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar
from uuid import UUID

from trigger_api.domain import config_message
from trigger_api.domain import trigger as triggers
from trigger_api.domain.flaw import Flaw, InvalidError
from trigger_api.domain.recorded import Author, Recorded
from trigger_api.domain.trigger import Trigger, TriggerEvent
from trigger_api.ports import Chance, ConcurrentChangeError, Unit
from trigger_contracts.config import SealedSecret

T = TypeVar("T")

_TRIES: Final = 5


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose workspace, and who in it."""

    workspace: str
    author: Author


async def append_trigger_events(
    unit: Unit, *, trigger: Trigger | None, events: Sequence[TriggerEvent], author: Author, chance: Chance
) -> Trigger:
    """Append events to a trigger's stream, each with its projection and its message."""
    after = trigger
    sealed: dict[UUID, SealedSecret] = {}
    for event in events:
        version = after.version + 1 if after else 1
        recorded = Recorded(event=event, version=version, at=chance.now(), author=author)
        after = triggers.evolve(after, recorded)
        if any(secret.id not in sealed for secret in after.secrets):
            sealed = await unit.sealed_secrets(after.id)
        message = config_message.trigger_changed(after, recorded=recorded, sealed=sealed)
        await unit.append_trigger(after, recorded=recorded, message=message)
    if after is None:
        raise ValueError("a trigger begins with an event")
    return after


def refuse(flaws: list[Flaw]) -> None:
    """Raise ``InvalidError`` where there are flaws."""
    if flaws:
        raise InvalidError(flaws)


async def again_after_a_lost_race(attempt: Callable[[], Awaitable[T]]) -> T:
    """Decide again on what the winner left. A caller with a condition then learns that it is stale."""
    for _ in range(_TRIES - 1):
        try:
            return await attempt()
        except ConcurrentChangeError:
            continue
    return await attempt()
