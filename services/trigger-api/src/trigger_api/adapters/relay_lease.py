"""Who relays the outbox: a row with a holder and a time, by the database's clock."""

import asyncio
import contextlib
from typing import Final
from uuid import UUID

import asyncpg

from trigger_runtime.postgres import AWAY

_SECONDS: Final = 4.0
"""How long a leader that is gone, or frozen, keeps the others from taking over."""
_RENEW_SECONDS: Final = 1.0
_TAKE: Final = f"""
INSERT INTO trigger_api.relay_lease AS lease (name, holder, until)
VALUES ('outbox', $1, now() + interval '{_SECONDS} seconds')
ON CONFLICT (name) DO UPDATE SET holder = EXCLUDED.holder, until = EXCLUDED.until
WHERE lease.holder = EXCLUDED.holder OR lease.until < now()
RETURNING true
"""  # noqa: S608 - a constant of ours
_RELEASE: Final = "DELETE FROM trigger_api.relay_lease WHERE name = 'outbox' AND holder = $1"


class LeaseLostError(Exception):
    """Another relay leads by now."""


class RelayLease:
    """The lease, as one holder sees it over one connection."""

    def __init__(self, connection: "asyncpg.Connection[asyncpg.Record]", *, holder: UUID) -> None:
        self._connection = connection
        self._holder = holder
        self._renewed = 0.0

    async def elect(self) -> None:
        """Wait until the lease is ours."""
        while not await self._hold():  # noqa: ASYNC110 - the lease is PostgreSQL's
            await asyncio.sleep(_RENEW_SECONDS)

    async def renew(self) -> None:
        """Renew the lease where it is time to. Raises ``LeaseLostError``."""
        if asyncio.get_running_loop().time() - self._renewed < _RENEW_SECONDS:
            return
        if not await self._hold():
            raise LeaseLostError("another relay leads")

    async def resign(self) -> None:
        """Let another one lead at once; where that cannot be said any more, the lease runs out."""
        with contextlib.suppress(asyncpg.PostgresError, *AWAY):
            await self._connection.execute(_RELEASE, self._holder, timeout=1)

    async def _hold(self) -> bool:
        self._renewed = asyncio.get_running_loop().time()
        return bool(await self._connection.fetchval(_TAKE, self._holder))
