"""From the outbox to ``CONFIG``: every event once, in order, by one relay at a time."""

import asyncio
import contextlib
from typing import Final, TypeAlias

import asyncpg
import structlog

from trigger_api.adapters.postgres_event_store import OUTBOX_CHANNEL
from trigger_runtime import backoff
from trigger_runtime.bus.connection import Bus, BusUnavailableError
from trigger_runtime.postgres import AWAY, Database, DatabaseUnavailableError

log = structlog.stdlib.get_logger(__name__)

DatabaseConnection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

_BATCH: Final = 100
_INTERRUPTIONS: Final[tuple[type[Exception], ...]] = (
    BusUnavailableError,
    DatabaseUnavailableError,
    asyncpg.PostgresError,
    *AWAY,
)
_LEAD: Final = "SELECT pg_try_advisory_lock(hashtext('trigger_api.outbox_relay'))"
_STAND_BY_SECONDS: Final = 1.0
_IDLE_SECONDS: Final = 5.0
"""A notification can be lost with its connection; this bounds what that costs."""


class OutboxRelay:
    """A component. The replica whose session holds the advisory lock publishes; the others stand by.

    A message leaves the outbox only after the bus has confirmed it, so that a crash in between
    publishes it again: the server drops the repetition by its message id, and a reader by its version.
    """

    name = "outbox relay"

    def __init__(self, database: Database, *, bus: Bus) -> None:
        self._database = database
        self._bus = bus
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin as soon as database and bus are there."""
        self._task = asyncio.create_task(self._relay_forever(), name=self.name)

    async def stop(self) -> None:
        """Stop; what is left in the outbox is the next relay's."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _relay_forever(self) -> None:
        attempt = 0
        while True:
            await self._bus.ready()
            try:
                connection = await self._database.dedicated()
                try:
                    await self._lead(connection)
                    attempt = 0
                    await self._relay(connection)
                finally:
                    with contextlib.suppress(*AWAY):
                        await connection.close(timeout=2)
            except _INTERRUPTIONS as error:
                attempt += 1
                log.warning("outbox relay interrupted", reason=str(error) or type(error).__name__)
                await asyncio.sleep(backoff.delay(attempt, cap=3.0))

    async def _lead(self, connection: DatabaseConnection) -> None:
        # Trying again and again, not waiting in the server: a wait would run into the statement's deadline.
        while not await connection.fetchval(_LEAD):  # noqa: ASYNC110 - the lock is PostgreSQL's
            await asyncio.sleep(_STAND_BY_SECONDS)
        log.info("outbox relay leads")

    async def _relay(self, connection: DatabaseConnection) -> None:
        appended = asyncio.Event()
        await connection.add_listener(OUTBOX_CHANNEL, lambda *_: appended.set())
        connection.add_termination_listener(lambda _: appended.set())
        while True:
            appended.clear()
            while await self._publish_some(connection):
                pass
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(appended.wait(), timeout=_IDLE_SECONDS)

    async def _publish_some(self, connection: DatabaseConnection) -> int:
        rows = await connection.fetch(
            "SELECT position, subject, message FROM trigger_api.outbox ORDER BY position LIMIT $1", _BATCH
        )
        published = None
        try:
            for row in rows:
                await self._bus.publish(
                    row["subject"], row["message"], message_id=f"config:{row['position']}"
                )
                published = row["position"]
        finally:
            if published is not None:
                await connection.execute("DELETE FROM trigger_api.outbox WHERE position <= $1", published)
        return len(rows)
