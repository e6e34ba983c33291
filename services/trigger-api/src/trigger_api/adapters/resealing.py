"""Sealing every stored secret with the key ring's first key, so that an older key can go.

The log names secrets by their ids, so nothing of it changes; the bus holds them sealed, so the triggers are
announced again.
"""

import os
from dataclasses import dataclass
from typing import Final, TypeAlias

import asyncpg

from trigger_api.adapters.announcing import announce_triggers
from trigger_api.adapters.append_statements import LOCK_THE_LOG, OUTBOX_CHANNEL
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
_FORGET: Final = "DELETE FROM trigger_api.idempotency_keys WHERE key_id <> $1"
_NOTHING: Final = "00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True, slots=True)
class Resealed:
    """How many secrets were sealed anew, and which could not be opened with any key of the ring."""

    count: int
    unopened: tuple[str, ...]


async def reseal(connection: DatabaseConnection, *, ring: KeyRing) -> Resealed:
    """Seal what is under an older key anew, page by page, and queue the triggers' states.

    Answers to idempotency keys that are under an older key are forgotten: they are hours old at most.
    """
    count, unopened, after = 0, list[str](), _NOTHING
    while True:
        async with connection.transaction():
            # The rows first and the log then, as every change of a trigger does: one that is under way is
            # announced before this page, and the next one announces what is sealed here.
            rows = await connection.fetch(_OLD, ring.current, after, _PAGE)
            await connection.execute(f"SELECT {LOCK_THE_LOG}, pg_notify('{OUTBOX_CHANNEL}', '')")
            if not rows:
                await connection.execute(_FORGET, ring.current)
                return Resealed(count=count, unopened=tuple(unopened))
            triggers = []
            for row in rows:
                try:
                    sealed = _anew(row, ring=ring)
                except SealError:
                    unopened.append(str(row["id"]))
                    continue
                await connection.execute(_RESEAL, row["id"], sealed.key_id, sealed.nonce, sealed.ciphertext)
                triggers.append(row["trigger_id"])
                count += 1
            await announce_triggers(connection, ids=list(dict.fromkeys(triggers)))
            after = rows[-1]["id"]


def _anew(row: asyncpg.Record, *, ring: KeyRing) -> Sealed:
    belongs_to: bytes = row["trigger_id"].bytes
    old = Sealed(key_id=row["key_id"], nonce=row["nonce"], ciphertext=row["ciphertext"])
    return ring.seal(ring.open(old, belongs_to=belongs_to), belongs_to=belongs_to, nonce=os.urandom(12))
