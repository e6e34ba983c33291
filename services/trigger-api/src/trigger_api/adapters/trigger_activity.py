"""What the bus says of triggers: counts and last runs, next fire times. Exactly once, by position."""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import structlog

from trigger_contracts import condition_failures, executions, schedules, secret_uses
from trigger_contracts.codec import ContractError
from trigger_runtime.bus.connection import Bus
from trigger_runtime.bus.jetstream_api import Received
from trigger_runtime.bus.subscription import RetryLaterError
from trigger_runtime.postgres import Connection, Database, DatabaseUnavailableError

log = structlog.stdlib.get_logger(__name__)

_BEGIN: Final = """
INSERT INTO trigger_api.stream_positions (follower, stream_created, position) VALUES ($1, '', 0)
ON CONFLICT (follower) DO UPDATE SET follower = EXCLUDED.follower RETURNING stream_created, position
"""
_SET: Final = """
UPDATE trigger_api.stream_positions SET stream_created = $2, position = $3 WHERE follower = $1
"""
_HOLD: Final = """
SELECT position FROM trigger_api.stream_positions WHERE follower = $1 AND stream_created = $2 FOR UPDATE
"""

_COUNT: Final = """
INSERT INTO trigger_api.trigger_activity AS a (trigger_id, trigger_count, last_triggered_at)
SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::timestamptz[])
ON CONFLICT (trigger_id) DO UPDATE SET
    trigger_count = a.trigger_count + EXCLUDED.trigger_count,
    last_triggered_at = greatest(a.last_triggered_at, EXCLUDED.last_triggered_at)
"""

_SCHEDULE: Final = """
INSERT INTO trigger_api.trigger_activity AS a (trigger_id, next_fire_times, schedule_version, schedule_error)
VALUES ($1, $2, $3, $4)
ON CONFLICT (trigger_id) DO UPDATE SET
    -- A failure of an older scheduler-sync says no times: Temporal goes on with what it had.
    next_fire_times = CASE WHEN EXCLUDED.schedule_error IS NULL OR cardinality(EXCLUDED.next_fire_times) > 0
                           THEN EXCLUDED.next_fire_times ELSE a.next_fire_times END,
    schedule_version = EXCLUDED.schedule_version, schedule_error = EXCLUDED.schedule_error
WHERE a.schedule_version <= EXCLUDED.schedule_version
"""

_OLDER_USED: Final = """
INSERT INTO trigger_api.trigger_activity AS a (trigger_id, previous_secret_id, previous_secret_used_at)
VALUES ($1, $2, $3)
ON CONFLICT (trigger_id) DO UPDATE SET
    previous_secret_id = EXCLUDED.previous_secret_id,
    previous_secret_used_at = CASE WHEN a.previous_secret_id = EXCLUDED.previous_secret_id
                                   THEN greatest(a.previous_secret_used_at, EXCLUDED.previous_secret_used_at)
                                   ELSE EXCLUDED.previous_secret_used_at END
"""

# Failures of one condition add up, in whichever version of its trigger. A process that is behind does not
# bring an earlier condition back.
_CONDITION: Final = """
INSERT INTO trigger_api.trigger_activity AS a (trigger_id, condition_version, condition_sha256,
    condition_failures, condition_failed_at, condition_detail)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (trigger_id) DO UPDATE SET
    condition_version = greatest(a.condition_version, EXCLUDED.condition_version),
    condition_sha256 = EXCLUDED.condition_sha256,
    condition_failures = CASE WHEN a.condition_sha256 = EXCLUDED.condition_sha256
                              THEN a.condition_failures ELSE 0 END + EXCLUDED.condition_failures,
    condition_failed_at = CASE WHEN a.condition_sha256 = EXCLUDED.condition_sha256
                               THEN greatest(a.condition_failed_at, EXCLUDED.condition_failed_at)
                               ELSE EXCLUDED.condition_failed_at END,
    condition_detail = EXCLUDED.condition_detail
WHERE a.condition_version IS NULL OR a.condition_version <= EXCLUDED.condition_version
   OR a.condition_sha256 = EXCLUDED.condition_sha256
"""

Write = Callable[[Connection, Sequence[Received]], Awaitable[None]]


class PositionedProjection:
    """Applies a stream's messages once: the position is committed with their effect.

    Several replicas may follow the same stream: the row of the position serialises them, and each
    skips what another one has done. The time of its creation shows that a stream was recreated: it is
    read from its start; one that was restored from a copy, by an end that lies before our position, and
    read on from there.
    """

    def __init__(self, database: Database, *, bus: Bus, stream: str, name: str, write: Write) -> None:
        self._database = database
        self._bus = bus
        self._stream = stream
        self._name = name
        self._write = write
        self._created = ""

    async def position(self) -> int | None:
        """Return the last sequence of the stream, as it is now, that was applied; 0 before the first."""
        try:
            async with self._database.connection() as connection, connection.transaction():
                kept = await connection.fetchrow(_BEGIN, self._name)
                # Asked under the row's lock: an older answer would set another replica's progress back.
                info = await self._bus.js.stream_info(self._stream)
                self._created = str(info.created)
                position = 0
                if kept is not None and kept["stream_created"] == self._created:
                    position = min(kept["position"], info.state.last_seq)
                await connection.execute(_SET, self._name, self._created, position)
        except DatabaseUnavailableError as error:
            raise RetryLaterError(str(error)) from error
        return int(position)

    async def apply(self, batch: Sequence[Received]) -> None:
        """Apply what is new in a batch. Raises ``RetryLaterError``."""
        try:
            async with self._database.connection() as connection, connection.transaction():
                done = await connection.fetchval(_HOLD, self._name, self._created)
                if done is None:
                    raise RetryLaterError("another replica follows a newer stream")
                new = [message for message in batch if message.sequence > done]
                if new:
                    await self._write(connection, new)
                    await connection.execute(
                        "UPDATE trigger_api.stream_positions SET position = $2 WHERE follower = $1",
                        self._name,
                        new[-1].sequence,
                    )
        except DatabaseUnavailableError as error:
            raise RetryLaterError(str(error)) from error


async def count_executions(connection: Connection, batch: Sequence[Received]) -> None:
    """Count the executions that started, by trigger."""
    counts: Counter[UUID] = Counter()
    last: dict[UUID, datetime] = {}
    for message in batch:
        try:
            fact = executions.FACTS.decode(message.data)
        except ContractError as error:
            _skip(message, error=error)
            continue
        if isinstance(fact, executions.ExecutionStarted):
            trigger_id = fact.execution.trigger_id
            counts[trigger_id] += 1
            last[trigger_id] = max(
                fact.execution.accepted_at, last.get(trigger_id, fact.execution.accepted_at)
            )
    if counts:
        ids = list(counts)
        await connection.execute(_COUNT, ids, [counts[key] for key in ids], [last[key] for key in ids])


async def note_schedules(connection: Connection, batch: Sequence[Received]) -> None:
    """Keep what became of each trigger's schedule, unless something newer is known."""
    for message in batch:
        try:
            fact = schedules.FACTS.decode(message.data)
        except ContractError as error:
            _skip(message, error=error)
            continue
        times = [] if isinstance(fact, schedules.ScheduleRemoved) else list(fact.next_fire_times)
        reason = fact.reason if isinstance(fact, schedules.ScheduleSyncFailed) else None
        await connection.execute(_SCHEDULE, fact.trigger_id, times, fact.trigger_version, reason)


async def note_secret_uses(connection: Connection, batch: Sequence[Received]) -> None:
    """Keep when a secret that was rotated away was last used."""
    for message in batch:
        try:
            fact = secret_uses.USES.decode(message.data)
        except ContractError as error:
            _skip(message, error=error)
            continue
        await connection.execute(_OLDER_USED, fact.trigger_id, fact.secret_id, fact.at)


async def note_condition_failures(connection: Connection, batch: Sequence[Received]) -> None:
    """Add up how often a trigger's condition could not be evaluated, and keep the last reason."""
    for message in batch:
        try:
            failed = condition_failures.FAILURES.decode(message.data)
        except ContractError as error:
            _skip(message, error=error)
            continue
        await connection.execute(
            _CONDITION,
            failed.trigger_id,
            failed.trigger_version,
            failed.expression_sha256,
            failed.failures,
            failed.last_failed_at,
            failed.detail,
        )


def _skip(message: Received, *, error: ContractError) -> None:
    """Pass over a message that this version cannot read: counts are no reason to stop the service."""
    log.error("message skipped", subject=message.subject, sequence=message.sequence, reason=str(error))
