"""Idempotency keys: claimed in the transaction that they guard, forgotten after a while."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

import structlog

from trigger_api.domain.idempotency import ClaimedKey, IdempotencyKey, SealedResponse
from trigger_api.ports import KeyReusedError
from trigger_runtime.postgres import Connection, Database, DatabaseUnavailableError

log = structlog.stdlib.get_logger(__name__)

_FORGET_EVERY_SECONDS: Final = 300.0

# Waits where another transaction has just written the same key, and then finds its row or, where it was
# rolled back, writes its own.
_CLAIM: Final = """
INSERT INTO trigger_api.idempotency_keys (workspace, actor, key, fingerprint, created_at)
VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING
"""
_READ: Final = """
SELECT fingerprint, key_id, nonce, ciphertext, created_at FROM trigger_api.idempotency_keys
WHERE workspace = $1 AND actor = $2 AND key = $3 FOR UPDATE
"""
_STORE_RESPONSE: Final = """
UPDATE trigger_api.idempotency_keys SET key_id = $4, nonce = $5, ciphertext = $6
WHERE workspace = $1 AND actor = $2 AND key = $3
"""
_FORGET: Final = """
DELETE FROM trigger_api.idempotency_keys WHERE (workspace, actor, key) IN (
    SELECT workspace, actor, key FROM trigger_api.idempotency_keys
    WHERE created_at < $1 ORDER BY created_at LIMIT 1000 FOR UPDATE SKIP LOCKED
)
"""


async def claim(connection: Connection, *, key: IdempotencyKey, now: datetime) -> ClaimedKey:
    """Claim a key; one that was claimed before keeps its time. Raises ``KeyReusedError``."""
    claimed = await connection.execute(_CLAIM, key.workspace, key.actor, key.key, key.fingerprint, now)
    if claimed == "INSERT 0 1":
        return ClaimedKey(since=now, response=None)
    row = await connection.fetchrow(_READ, key.workspace, key.actor, key.key)
    if row is None:
        # Forgotten between the two statements: it is a new key.
        return await claim(connection, key=key, now=now)
    if row["fingerprint"] != key.fingerprint:
        raise KeyReusedError
    response = None
    if row["ciphertext"] is not None:
        response = SealedResponse(key_id=row["key_id"], nonce=row["nonce"], ciphertext=row["ciphertext"])
    return ClaimedKey(since=row["created_at"], response=response)


async def store_response(connection: Connection, *, key: IdempotencyKey, response: SealedResponse) -> None:
    """Store the response to a request whose key was claimed."""
    await connection.execute(
        _STORE_RESPONSE,
        key.workspace,
        key.actor,
        key.key,
        response.key_id,
        response.nonce,
        response.ciphertext,
    )


class KeyExpiry:
    """Forgets keys that are older than ``keep``, now and then; several replicas may do so at once."""

    def __init__(self, database: Database, *, keep: timedelta, now: Callable[[], datetime]) -> None:
        self._database = database
        self._keep = keep
        self._now = now

    async def run(self) -> None:
        """Forget for as long as the process lives."""
        while True:
            try:
                while await self._forget_some():
                    pass
            except DatabaseUnavailableError as error:
                log.warning("idempotency keys not forgotten yet", reason=str(error))
            await asyncio.sleep(_FORGET_EVERY_SECONDS)

    async def _forget_some(self) -> bool:
        async with self._database.connection() as connection:
            done = await connection.execute(_FORGET, self._now() - self._keep)
        return done != "DELETE 0"
