"""Carrying out a request with an idempotency key once, and repeating its response.

In a transaction, ``earlier_response`` claims the key and ``store`` keeps the response: both are written
with the change, or not at all. A call of another server is not part of a transaction, so ``begin_call``
commits the key before it, and ``end_call`` stores the response after it.
"""

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar
from uuid import UUID

import msgspec

from trigger_api.domain.idempotency import IdempotencyKey, SealedResponse, StoredResponse, replayed
from trigger_api.ports import (
    ClockAndIds,
    EventStore,
    NotFoundError,
    OutcomeUnknownError,
    ScheduleUnavailableError,
    TriggerDisabledError,
    UnitOfWork,
    Vault,
)
from trigger_contracts import ids
from trigger_validation import InvalidError

C = TypeVar("C")

_REFUSALS: Final = (InvalidError, NotFoundError, TriggerDisabledError, ScheduleUnavailableError)
"""Why a call is not made; its key stays free then."""


@dataclass(frozen=True, slots=True)
class Call(Generic[C]):
    """A call of another server that may be made. ``checked`` is what the check returned."""

    checked: C
    new_id: UUID
    seed: str | None

    def id_for(self, trigger_id: UUID) -> UUID:
        """Return the id of what is asked for: the same one however often a request with a key is repeated.

        The other server then does once what is repeated because its reply was lost.
        """
        return self.new_id if self.seed is None else ids.manual_execution_id(trigger_id, key=self.seed)


class Idempotency:
    """Without a key there is nothing to claim and nothing to store."""

    def __init__(self, store: EventStore, *, vault: Vault, clock_and_ids: ClockAndIds) -> None:
        self._store = store
        self._vault = vault
        self._clock_and_ids = clock_and_ids

    async def earlier_response(self, unit: UnitOfWork, key: IdempotencyKey | None) -> StoredResponse | None:
        """Claim the key; return the response to an earlier request with it.

        Raises ``KeyReusedError``, and ``ResponseLostError`` instead of carrying it out again.
        """
        if key is None:
            return None
        claimed = await unit.claim(key, now=self._clock_and_ids.now())
        return None if claimed.response is None else self._replay(claimed.response, key=key)

    async def store(
        self, unit: UnitOfWork, key: IdempotencyKey | None, *, response: StoredResponse
    ) -> StoredResponse:
        """Store the response under its key; return it."""
        if key is not None:
            sealed = self._vault.seal_response(msgspec.json.encode(response), key=key)
            await unit.store_response(key, response=sealed)
        return response

    async def begin_call(
        self, key: IdempotencyKey | None, *, check: Awaitable[C]
    ) -> Call[C] | StoredResponse:
        """Return the response to an earlier request with the key; or claim it, so that the call can be made.

        ``check`` finds out whether the call makes sense. A refusal of it is raised, and leaves a new key
        free. ``OutcomeUnknownError`` is raised instead where an earlier request may have been carried out.
        """
        new_id = self._clock_and_ids.new_id()
        if key is None:
            return Call(await check, new_id, seed=None)
        checked = await _outcome(check)
        async with self._store.unit() as unit:
            now = self._clock_and_ids.now()
            claimed = await unit.claim(key, now=now)
            # The response stays what it was, also where the trigger was paused or changed since.
            if claimed.response is not None:
                return self._replay(claimed.response, key=key)
            if isinstance(checked, Exception):
                # Within the unit, so that a new key is given back: nothing has happened under it. An old one
                # is of a request that another server did not reply to.
                if claimed.since == now or isinstance(checked, ScheduleUnavailableError):
                    raise checked
                raise OutcomeUnknownError(_reason(checked)) from checked
        # The key alone is not enough. Two people who choose the same one do not mean the same request, and
        # neither does one who uses a key again after it was forgotten.
        return Call(checked, new_id, seed=f"{key.owner.hex()}:{claimed.since.isoformat()}")

    async def end_call(self, key: IdempotencyKey | None, *, response: StoredResponse) -> StoredResponse:
        """Store the response to a request whose call was made; return it."""
        if key is None:
            return response
        async with self._store.unit() as unit:
            return await self.store(unit, key, response=response)

    def _replay(self, response: SealedResponse, *, key: IdempotencyKey) -> StoredResponse:
        opened = self._vault.open_response(response, key=key)
        return replayed(msgspec.json.decode(opened, type=StoredResponse))


async def _outcome(check: Awaitable[C]) -> C | Exception:
    try:
        return await check
    except _REFUSALS as error:
        return error


def _reason(error: Exception) -> str:
    if isinstance(error, InvalidError):
        return " ".join(error.detail for error in error.field_errors)
    if isinstance(error, TriggerDisabledError):
        return "the trigger is paused."
    return f"there is no such {error}."
