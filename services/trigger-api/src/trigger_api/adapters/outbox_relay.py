"""From the outbox to ``CONFIG``: every event once, in order, by one relay at a time."""

import asyncio
import contextlib
import re
from typing import Final, TypeAlias
from uuid import UUID

import asyncpg
import structlog
from nats import errors as nats_errors
from nats.js import errors as js_errors
from prometheus_client import CollectorRegistry

from trigger_api.adapters.event_log import OUTBOX_CHANNEL
from trigger_api.adapters.outbox_gauges import OutboxGauges
from trigger_api.adapters.relay_lease import LeaseLostError, RelayLease
from trigger_api.adapters.republish import republish_all
from trigger_contracts import streams
from trigger_runtime import backoff
from trigger_runtime.bus.connection import Bus, BusUnavailableError, MessageTooLargeError, describe
from trigger_runtime.postgres import AWAY, Database, DatabaseUnavailableError

log = structlog.stdlib.get_logger(__name__)

DatabaseConnection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

_BATCH: Final = 100
_POLL_SECONDS: Final = 1.0
_STREAM_SECONDS: Final = 5.0
_MESSAGE_ID: Final = re.compile(r"outbox:([0-9]{1,18})", re.ASCII)

_INTERRUPTIONS: Final[tuple[type[Exception], ...]] = (
    LeaseLostError,
    BusUnavailableError,
    DatabaseUnavailableError,
    asyncpg.PostgresError,
    nats_errors.Error,
    js_errors.Error,
    *AWAY,
)
_WAITING: Final = """
SELECT sequence, subject, message FROM trigger_api.outbox WHERE refused IS NULL ORDER BY sequence LIMIT $1
"""
_DONE: Final = """
WITH done AS (DELETE FROM trigger_api.outbox WHERE sequence = ANY($1) AND refused IS NULL)
INSERT INTO trigger_api.relay_progress (name, stream_created, announced)
SELECT name, $2, $3 FROM trigger_api.relay_lease WHERE name = 'outbox' AND holder = $4
ON CONFLICT (name) DO UPDATE SET stream_created = EXCLUDED.stream_created, announced = EXCLUDED.announced
"""
_DELETE_PUBLISHED: Final = "DELETE FROM trigger_api.outbox WHERE sequence <= $1 AND refused IS NULL"
_PROGRESS: Final = "SELECT stream_created, announced FROM trigger_api.relay_progress WHERE name = 'outbox'"
_LAST_QUEUED: Final = "SELECT last_value FROM trigger_api.outbox_sequence_seq"
_SKIP_TO: Final = "SELECT setval('trigger_api.outbox_sequence_seq', $1)"
_RENUMBER: Final = """
UPDATE trigger_api.outbox AS waiting SET sequence = renumbered.sequence
FROM (
    SELECT position, nextval('trigger_api.outbox_sequence_seq') AS sequence
    FROM (SELECT position FROM trigger_api.outbox ORDER BY sequence) AS in_order
) AS renumbered
WHERE renumbered.position = waiting.position
"""
# Aggregates that have a message on the stream: all but those of which something still waits.
_PUBLISHED_AGGREGATES: Final = """
SELECT (SELECT count(*) FROM trigger_api.trigger_events WHERE version = 1)
     - (SELECT count(DISTINCT stream_id)
        FROM trigger_api.outbox JOIN trigger_api.trigger_events USING (position))
"""
_REFUSE: Final = "UPDATE trigger_api.outbox SET refused = $2 WHERE sequence = $1"


class OutboxRelay:
    """The replica that holds the lease publishes; the others stand by.

    A message leaves the outbox only after the bus has confirmed it. A crash in between is noticed by the
    next leader: the stream's last message names its place in the outbox, so nothing is published twice,
    however long the interruption was; the server's window for repetitions would forget.

    The lease alone is not enough: a leader that is frozen and wakes up believes that it still leads. So
    each publish names the stream's last sequence as this relay knows it. Only the relay writes to
    ``CONFIG``; where a successor has published meanwhile, the bus refuses the publish.

    A stream that ends before what was published, was recreated or lacks an aggregate has lost something:
    everything is published again. The same happens where the database is the one that went back.
    """

    def __init__(
        self, database: Database, *, bus: Bus, needed_bytes: int, holder: UUID, registry: CollectorRegistry
    ) -> None:
        self._needed_bytes = needed_bytes
        self._database = database
        self._bus = bus
        self._holder = holder
        self._last_sequence = 0
        self._created = ""
        self._gauges = OutboxGauges(database, registry=registry)

    async def run(self) -> None:
        """Relay for as long as the process lives."""
        attempt = 0
        while True:
            await self._bus.ready()
            try:
                connection = await self._database.dedicated()
                lease = RelayLease(connection, holder=self._holder)
                try:
                    await lease.elect()
                    await self._begin(connection, lease=lease)
                    attempt = 0
                    await self._relay(connection, lease=lease)
                finally:
                    await lease.resign()
                    with contextlib.suppress(asyncpg.PostgresError, *AWAY):
                        await connection.close(timeout=2)
            except _INTERRUPTIONS as error:
                log.warning("outbox relay interrupted", reason=describe(error))
            except Exception:
                # All changes wait behind this: whatever it is, it is tried again, and logged.
                log.exception("outbox relay failed")
            attempt += 1
            await asyncio.sleep(backoff.delay(attempt, cap=3.0))

    async def measure(self) -> None:
        """Keep the gauges true for as long as the process lives, also where another replica leads."""
        await self._gauges.run()

    async def _begin(self, connection: DatabaseConnection, *, lease: RelayLease) -> None:
        """Find out how far the stream is, and whether it and the database still belong together."""
        # First: the one that led before may still publish, and what it notes is on the stream by then.
        progress = await connection.fetchrow(_PROGRESS)
        aggregates = int(await connection.fetchval(_PUBLISHED_AGGREGATES))
        stream = await self._bus.stream_state(streams.CONFIG.name)
        self._last_sequence, self._created = stream.last_sequence, stream.created
        on_stream = await self._last_published()
        queued = int(await connection.fetchval(_LAST_QUEUED))
        log.info("outbox relay leads", holder=str(self._holder))
        if on_stream is not None and on_stream > queued:
            # Nothing that waits was published: its numbers belonged to others before the database went back.
            log.error("the database went back behind the bus; publishing everything again", queued=queued)
            await connection.execute(_SKIP_TO, on_stream)
            await connection.execute(_RENUMBER)
        elif on_stream is not None:
            await connection.execute(_DELETE_PUBLISHED, on_stream)
        lost = progress is not None and (
            progress["stream_created"] != self._created
            or stream.subjects < aggregates
            or (on_stream is not None and on_stream < progress["announced"])
        )
        if lost:
            log.error("the bus has lost changes; publishing everything again", subjects=stream.subjects)
        if lost or (on_stream is not None and on_stream > queued):
            await republish_all(connection, renew_lease=lease.renew)
            # Only now: where this is cut short, it has to be done again.
            await connection.execute(_DONE, [], self._created, on_stream or 0, self._holder)

    async def _last_published(self) -> int | None:
        """Return the place in the outbox of the stream's last message; ``None`` where it names none."""
        if self._last_sequence == 0:
            return None
        try:
            message = await self._bus.js.get_msg(streams.CONFIG.name, self._last_sequence)
        except js_errors.NotFoundError:
            return None
        match = _MESSAGE_ID.fullmatch((message.headers or {}).get("Nats-Msg-Id", ""))
        return int(match.group(1)) if match else None

    async def _relay(self, connection: DatabaseConnection, *, lease: RelayLease) -> None:
        appended = asyncio.Event()
        await connection.add_listener(OUTBOX_CHANNEL, lambda *_: appended.set())
        connection.add_termination_listener(lambda _: appended.set())
        clock = asyncio.get_running_loop().time
        checked = clock()
        while True:
            appended.clear()
            while await self._publish_some(connection, lease=lease):
                pass
            if clock() - checked >= _STREAM_SECONDS:
                await self._check_stream(connection)
                checked = clock()
            # A notification can be lost with its connection; renewing the lease notices that.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_POLL_SECONDS):
                    await appended.wait()

    async def _check_stream(self, connection: DatabaseConnection) -> None:
        """Raise ``BusUnavailableError`` where the stream is not as this relay left it: it starts again then.

        While there is something to publish, the bus refuses what does not fit. A stream that was lost while
        there is nothing to publish would stay empty until the next change.
        """
        aggregates = int(await connection.fetchval(_PUBLISHED_AGGREGATES))
        stream = await self._bus.stream_state(streams.CONFIG.name)
        if (stream.created, stream.last_sequence) != (self._created, self._last_sequence) or (
            stream.subjects < aggregates
        ):
            raise BusUnavailableError("the stream is not as it was left")

    async def _publish_some(self, connection: DatabaseConnection, *, lease: RelayLease) -> int:
        await lease.renew()
        rows = await connection.fetch(_WAITING, _BATCH)
        done: list[int] = []
        try:
            for row in rows:
                await lease.renew()
                if await self._publish(connection, row=row):
                    done.append(row["sequence"])
        finally:
            if done:
                await connection.execute(_DONE, done, self._created, done[-1], self._holder)
        return len(rows)

    async def _publish(self, connection: DatabaseConnection, *, row: asyncpg.Record) -> bool:
        try:
            sequence = await self._bus.publish(
                row["subject"],
                row["message"],
                message_id=f"outbox:{row['sequence']}",
                headers={"Nats-Expected-Last-Sequence": str(self._last_sequence)},
            )
        except (MessageTooLargeError, ValueError) as error:
            if self._bus.max_payload < self._needed_bytes:
                # The setting of the server is wrong, and not the change: everything waits for an operator.
                raise BusUnavailableError(f"it takes only {self._bus.max_payload} bytes") from error
            log.error("change can never be published", sequence=row["sequence"], reason=describe(error))
            await connection.execute(_REFUSE, row["sequence"], describe(error))
            return False
        # A repetition is confirmed with the sequence of the first one, which is an older one.
        self._last_sequence = max(self._last_sequence, sequence)
        return True
