"""From the outbox to ``CONFIG``: every event once, in order, by one relay at a time."""

import asyncio
import contextlib
from typing import Final, TypeAlias
from uuid import UUID

import asyncpg
import structlog
from nats import errors as nats_errors
from nats.js import errors as js_errors
from prometheus_client import CollectorRegistry, Gauge

from trigger_api.adapters.postgres_event_store import OUTBOX_CHANNEL
from trigger_contracts import streams
from trigger_runtime import backoff
from trigger_runtime.bus.connection import Bus, BusUnavailableError, MessageTooLargeError, describe
from trigger_runtime.postgres import AWAY, Database, DatabaseUnavailableError
from trigger_runtime.postgres_errors import lent

log = structlog.stdlib.get_logger(__name__)

DatabaseConnection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

_BATCH: Final = 100


class LeaseLostError(Exception):
    """Another relay leads by now."""


_INTERRUPTIONS: Final[tuple[type[Exception], ...]] = (
    LeaseLostError,
    BusUnavailableError,
    DatabaseUnavailableError,
    asyncpg.PostgresError,
    nats_errors.Error,
    js_errors.Error,
    *AWAY,
)
_LEASE_SECONDS: Final = 4.0
"""How long a leader that is gone, or frozen, keeps the others from taking over."""
_RENEW_SECONDS: Final = 1.0
_MEASURE_SECONDS: Final = 2.0
_TAKE: Final = f"""
INSERT INTO trigger_api.relay_lease AS lease (name, holder, until)
VALUES ('outbox', $1, now() + interval '{_LEASE_SECONDS} seconds')
ON CONFLICT (name) DO UPDATE SET holder = EXCLUDED.holder, until = EXCLUDED.until
WHERE lease.holder = EXCLUDED.holder OR lease.until < now()
RETURNING true
"""  # noqa: S608 - a constant of ours
_RELEASE: Final = "DELETE FROM trigger_api.relay_lease WHERE name = 'outbox' AND holder = $1"
_WAITING: Final = "SELECT position, subject, message FROM trigger_api.outbox WHERE refused IS NULL"
_LOOK: Final = """
SELECT count(*) FILTER (WHERE refused IS NULL) AS waiting, count(refused) AS refused,
       coalesce(extract(epoch FROM now() - min(occurred_at) FILTER (WHERE refused IS NULL)), 0) AS oldest
FROM trigger_api.outbox JOIN trigger_api.trigger_events USING (position)
"""


class OutboxRelay:
    """The replica that holds the lease publishes; the others stand by.

    A message leaves the outbox only after the bus has confirmed it, so that a crash in between
    publishes it again: the server drops the repetition by its message id, and a reader by its version.

    The lease alone would not do: a leader that is frozen and wakes up believes that it still leads. So
    each publish names the stream's last sequence as this relay knows it. Nobody else writes to
    ``CONFIG``; where a successor has published meanwhile, the bus refuses the publish.
    """

    def __init__(
        self, database: Database, *, bus: Bus, needed_bytes: int, holder: UUID, registry: CollectorRegistry
    ) -> None:
        self._needed_bytes = needed_bytes
        self._database = database
        self._bus = bus
        self._holder = holder
        self._renewed = 0.0
        self._last_sequence = 0
        self._waiting = Gauge("outbox_waiting", "Changes that are not announced yet.", registry=registry)
        self._refused = Gauge("outbox_refused", "Changes that the bus will never take.", registry=registry)
        self._oldest = Gauge("outbox_oldest_seconds", "Age of the oldest one that waits.", registry=registry)

    async def run(self) -> None:
        """Relay for as long as the process lives."""
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
                    await self._leave(connection)
            except _INTERRUPTIONS as error:
                log.warning("outbox relay interrupted", reason=describe(error))
            except Exception:
                # Everybody's changes wait behind this: whatever it is, it is tried again, and said.
                log.exception("outbox relay failed")
            attempt += 1
            await asyncio.sleep(backoff.delay(attempt, cap=3.0))

    async def _lead(self, connection: DatabaseConnection) -> None:
        while not await self._hold(connection):  # noqa: ASYNC110 - the lease is PostgreSQL's
            await asyncio.sleep(_RENEW_SECONDS)
        info = await self._bus.js.stream_info(streams.CONFIG.name)
        self._last_sequence = info.state.last_seq
        log.info("outbox relay leads", holder=str(self._holder))

    async def _hold(self, connection: DatabaseConnection) -> bool:
        self._renewed = asyncio.get_running_loop().time()
        return bool(await connection.fetchval(_TAKE, self._holder))

    async def _keep(self, connection: DatabaseConnection) -> None:
        if asyncio.get_running_loop().time() - self._renewed < _RENEW_SECONDS:
            return
        if not await self._hold(connection):
            raise LeaseLostError("another relay leads")

    async def _leave(self, connection: DatabaseConnection) -> None:
        """Let another one lead at once; where that cannot be said any more, the lease runs out."""
        with contextlib.suppress(asyncpg.PostgresError, *AWAY):
            await connection.execute(_RELEASE, self._holder, timeout=1)
        with contextlib.suppress(asyncpg.PostgresError, *AWAY):
            await connection.close(timeout=2)

    async def _relay(self, connection: DatabaseConnection) -> None:
        appended = asyncio.Event()
        await connection.add_listener(OUTBOX_CHANNEL, lambda *_: appended.set())
        connection.add_termination_listener(lambda _: appended.set())
        while True:
            appended.clear()
            while await self._publish_some(connection):
                pass
            # A notification can be lost with its connection; renewing the lease notices that.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_RENEW_SECONDS):
                    await appended.wait()

    async def _publish_some(self, connection: DatabaseConnection) -> int:
        await self._keep(connection)
        rows = await connection.fetch(f"{_WAITING} ORDER BY position LIMIT $1", _BATCH)
        done: list[int] = []
        try:
            for row in rows:
                await self._keep(connection)
                if await self._publish(connection, row=row):
                    done.append(row["position"])
        finally:
            if done:
                await connection.execute("DELETE FROM trigger_api.outbox WHERE position = ANY($1)", done)
        return len(rows)

    async def _publish(self, connection: DatabaseConnection, *, row: asyncpg.Record) -> bool:
        try:
            sequence = await self._bus.publish(
                row["subject"],
                row["message"],
                message_id=f"config:{row['position']}",
                headers={"Nats-Expected-Last-Sequence": str(self._last_sequence)},
            )
        except (MessageTooLargeError, ValueError) as error:
            if self._bus.max_payload < self._needed_bytes:
                # Not the change's fault, and an operator's to mend: everything waits for that.
                raise BusUnavailableError(f"it takes only {self._bus.max_payload} bytes") from error
            log.error("change can never be announced", position=row["position"], reason=describe(error))
            await connection.execute(
                "UPDATE trigger_api.outbox SET refused = $2 WHERE position = $1",
                row["position"],
                describe(error),
            )
            return False
        # A repetition is confirmed with the sequence of the first one, which is an older one.
        self._last_sequence = max(self._last_sequence, sequence)
        return True

    async def measure(self) -> None:
        """Keep the gauges true for as long as the process lives, whoever leads and whatever is away."""
        while True:
            try:
                async with lent(self._database) as connection:
                    found = await connection.fetchrow(_LOOK)
                if found is not None:
                    self._waiting.set(found["waiting"])
                    self._refused.set(found["refused"])
                    self._oldest.set(float(found["oldest"]))
            except DatabaseUnavailableError as error:
                log.warning("outbox not measured", reason=describe(error))
            await asyncio.sleep(_MEASURE_SECONDS)
