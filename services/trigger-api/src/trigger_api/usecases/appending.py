"""What every command shares: who calls, appending, deciding again after a lost race, and answering once."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeVar

import msgspec

from trigger_api.domain import config_message
from trigger_api.domain import trigger as triggers
from trigger_api.domain.idempotency import Keyed, StoredAnswer
from trigger_api.domain.recorded import Author, EventRef, Recorded
from trigger_api.domain.trigger import SecretRotated, Trigger, TriggerDeleted, TriggerEvent
from trigger_api.ports import (
    ClockAndIds,
    ConcurrentChangeError,
    EventStore,
    NotFoundError,
    OutcomeUnknownError,
    ScheduleUnknownError,
    StaleVersionError,
    TriggerDisabledError,
    Unit,
    Vault,
)
from trigger_validation import InvalidError

T = TypeVar("T")
C = TypeVar("C")

_NOT_DONE: Final = (InvalidError, NotFoundError, TriggerDisabledError, ScheduleUnknownError)
"""Why nothing happens under a key, which stays free then."""
_TRIES: Final = 5

Condition = frozenset[int] | None
"""The versions that a caller's ``If-Match`` names; ``None`` is no condition."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose workspace, and who in it."""

    workspace: str
    author: Author


async def append_trigger_events(
    unit: Unit,
    *,
    trigger: Trigger | None,
    events: Sequence[TriggerEvent],
    author: Author,
    chance: ClockAndIds,
    cause: EventRef | None = None,
) -> Trigger:
    """Append events to a trigger's stream, each with its projection and its message."""
    after = trigger
    for event in events:
        version = after.version + 1 if after else 1
        recorded = Recorded(event=event, version=version, at=chance.now(), author=author, cause=cause)
        after = triggers.evolve(after, recorded)
        ids = [secret.id for secret in after.secrets]
        if trigger is not None and (ids or trigger.secrets):
            await unit.hold_secrets(after.id)
        sealed = unit.sealed_secrets(ids)
        message = config_message.trigger_changed(after, recorded=recorded, sealed=sealed)
        unit.append_trigger(after, recorded=recorded, message=message)
        if isinstance(event, SecretRotated | TriggerDeleted):
            unit.forget_secrets(after.id, but=ids)
    if after is None:
        raise ValueError("a trigger begins with an event")
    return after


def require(condition: Condition, *, version: int) -> None:
    """Raise ``StaleVersionError`` where the caller's condition does not hold."""
    if condition is not None and version not in condition:
        raise StaleVersionError(version)


async def again_after_a_lost_race(attempt: Callable[[], Awaitable[T]]) -> T:
    """Decide again on what the winner left. A caller with a condition then learns that it is stale."""
    for _ in range(_TRIES - 1):
        try:
            return await attempt()
        except ConcurrentChangeError:
            continue
    return await attempt()


@dataclass(frozen=True, slots=True)
class _Taken:
    """An idempotency key: since when, whether by this request, and what it was answered before."""

    since: datetime
    is_new: bool
    answer: StoredAnswer | None = None


def _reason(error: Exception) -> str:
    if isinstance(error, InvalidError):
        return " ".join(error.detail for error in error.field_errors)
    return (
        "the trigger is paused." if isinstance(error, TriggerDisabledError) else f"there is no such {error}."
    )


class Answering:
    """Answers a request with an idempotency key once, and again with the same answer."""

    def __init__(self, vault: Vault, *, chance: ClockAndIds) -> None:
        self._vault = vault
        self._chance = chance

    async def once(
        self, unit: Unit, *, keyed: Keyed[T] | None, act: Callable[[], Awaitable[T]]
    ) -> T | StoredAnswer:
        """Return the earlier answer; or act, and keep the answer in the same transaction.

        Without a key there is nothing to keep. Raises ``KeyReusedError``, and what ``act`` raises.
        """
        if keyed is None:
            return await act()
        earlier = (await self._taken(unit, keyed=keyed)).answer
        if earlier is not None:
            return earlier
        done = await act()
        await self.keep(unit, keyed=keyed, answer=keyed.answer(done))
        return done

    async def _taken(self, unit: Unit, *, keyed: Keyed[T]) -> "_Taken":
        """Take the key. Raises ``KeyReusedError``, and ``AnswerLostError`` instead of acting again."""
        now = self._chance.now()
        claimed = await unit.claim(keyed.once, now=now)
        if claimed.answer is None:
            return _Taken(since=claimed.since, is_new=claimed.since == now)
        opened = self._vault.open_answer(claimed.answer, once=keyed.once)
        answer = msgspec.json.decode(opened, type=StoredAnswer)
        return _Taken(since=claimed.since, is_new=False, answer=answer)

    async def outside(
        self,
        store: EventStore,
        *,
        keyed: Keyed[T] | None,
        check: Callable[[], Awaitable[C]],
        act: Callable[[C, str | None], Awaitable[T]],
    ) -> T | StoredAnswer:
        """Return the earlier answer; or act on a server outside of the log, and keep the answer after that.

        ``check`` finds out whether and on what to act; ``act`` is given that, and what to make the id of the
        request from: the same text for as long as the key is kept, so that the other server does once what is
        asked for again because the answer was lost. Without a key it is given none.
        """
        if keyed is None:
            return await act(await check(), None)
        found: C | Exception
        try:
            found = await check()
        except _NOT_DONE as error:
            found = error
        async with store.unit() as unit:
            taken = await self._taken(unit, keyed=keyed)
            # What was answered stays the answer, also where the trigger was paused or changed since.
            if taken.answer is not None:
                return taken.answer
            if isinstance(found, Exception):
                # Inside, so that a new key is given back: nothing has happened under it. One that was kept is
                # of a request that a server did not answer.
                if taken.is_new or isinstance(found, ScheduleUnknownError):
                    raise found
                raise OutcomeUnknownError(_reason(found)) from found
        # The key alone would not do. Two people who choose the same one do not mean the same request, and
        # neither does one who uses a key again after it was forgotten.
        done = await act(found, f"{keyed.once.owner.hex()}:{taken.since.isoformat()}")
        async with store.unit() as unit:
            await self.keep(unit, keyed=keyed, answer=keyed.answer(done))
        return done

    async def keep(self, unit: Unit, *, keyed: Keyed[T], answer: StoredAnswer) -> None:
        """Keep an answer."""
        sealed = self._vault.seal_answer(msgspec.json.encode(answer), once=keyed.once)
        await unit.remember(keyed.once, answer=sealed)
