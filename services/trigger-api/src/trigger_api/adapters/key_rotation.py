"""Sealing every stored secret with the key ring's first key, so that an older key can be retired.

The log names secrets by their ids, so nothing of it changes; the bus holds them sealed, so the triggers are
published again.
"""

import os
from dataclasses import dataclass
from typing import Final, TypeAlias
from uuid import UUID

import asyncpg

from trigger_api.adapters.republish import republish
from trigger_api.domain.idempotency import IdempotencyKey
from trigger_runtime.sealing import KeyRing, Sealed, SealError

DatabaseConnection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

_PAGE: Final = 200
_OLD: Final = """
SELECT id, trigger_id, key_id, nonce, ciphertext FROM trigger_api.trigger_secrets
WHERE key_id <> $1 AND id > $2 ORDER BY id LIMIT $3 FOR UPDATE
"""
_RESEAL: Final = """
UPDATE trigger_api.trigger_secrets SET key_id = $2, nonce = $3, ciphertext = $4 WHERE id = $1
"""
_NOTHING: Final = "00000000-0000-0000-0000-000000000000"
_OLD_RESPONSES: Final = """
SELECT workspace, actor, key, fingerprint, key_id, nonce, ciphertext FROM trigger_api.idempotency_keys
WHERE key_id <> $1 LIMIT $2 FOR UPDATE
"""
_RESEAL_RESPONSE: Final = """
UPDATE trigger_api.idempotency_keys SET key_id = $4, nonce = $5, ciphertext = $6
WHERE workspace = $1 AND actor = $2 AND key = $3
"""
# A repeated request gets "the response is lost"; that is better than carrying it out again.
_LOSE_RESPONSE: Final = """
UPDATE trigger_api.idempotency_keys SET key_id = $4, nonce = '', ciphertext = ''
WHERE workspace = $1 AND actor = $2 AND key = $3
"""


@dataclass(frozen=True, slots=True)
class Resealed:
    """How many secrets were sealed again, and which could not be opened with any key of the ring."""

    count: int
    unopened: tuple[str, ...]


async def reseal(connection: DatabaseConnection, *, ring: KeyRing) -> Resealed:
    """Seal again what is under an older key, page by page, and queue the triggers' states.

    The responses to idempotency keys too: some hold a secret, and an older key must not be needed for them.
    """
    count, unopened, after = 0, list[str](), _NOTHING
    while True:
        triggers = list[UUID]()
        async with connection.transaction():
            # The rows are locked, as a change of a trigger locks them: one that is under way is published
            # before this page, and the next one publishes what is sealed here.
            rows = await connection.fetch(_OLD, ring.current, after, _PAGE)
            for row in rows:
                try:
                    sealed = _resealed(row, ring=ring, belongs_to=row["trigger_id"].bytes)
                except SealError:
                    unopened.append(str(row["id"]))
                    continue
                await connection.execute(_RESEAL, row["id"], sealed.key_id, sealed.nonce, sealed.ciphertext)
                triggers.append(row["trigger_id"])
        count += len(triggers)
        await republish(connection, ids=list(dict.fromkeys(triggers)))
        if not rows:
            await _reseal_responses(connection, ring=ring)
            return Resealed(count=count, unopened=tuple(unopened))
        after = rows[-1]["id"]


async def _reseal_responses(connection: DatabaseConnection, *, ring: KeyRing) -> None:
    while True:
        async with connection.transaction():
            rows = await connection.fetch(_OLD_RESPONSES, ring.current, _PAGE)
            for row in rows:
                place = (row["workspace"], row["actor"], row["key"])
                key = IdempotencyKey(
                    workspace=place[0], actor=place[1], key=place[2], fingerprint=row["fingerprint"]
                )
                try:
                    sealed = _resealed(row, ring=ring, belongs_to=key.owner)
                except SealError:
                    await connection.execute(_LOSE_RESPONSE, *place, ring.current)
                    continue
                await connection.execute(
                    _RESEAL_RESPONSE, *place, sealed.key_id, sealed.nonce, sealed.ciphertext
                )
        if not rows:
            return


def _resealed(row: asyncpg.Record, *, ring: KeyRing, belongs_to: bytes) -> Sealed:
    old = Sealed(key_id=row["key_id"], nonce=row["nonce"], ciphertext=row["ciphertext"])
    return ring.seal(ring.open(old, belongs_to=belongs_to), belongs_to=belongs_to, nonce=os.urandom(12))
