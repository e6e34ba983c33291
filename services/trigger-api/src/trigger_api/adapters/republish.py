"""Putting the current state of aggregates into the outbox once more.

What the bus lost, or holds sealed with a key that is retired, is published again: each aggregate's last event
with the state after it, as if it had just happened. Readers compare versions, so one that has it already
changes nothing.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias
from uuid import UUID

import asyncpg

from trigger_api.adapters.event_log import BY_NAME, EVENT_COLUMNS, LOCK_THE_LOG, OUTBOX_CHANNEL, recorded
from trigger_api.domain.aggregate import fold
from trigger_contracts import codec
from trigger_contracts.config import SealedSecret

_PAGE: Final = 200
"""Aggregates that are queued at once: appends wait for each page, so it is short."""
_PAGE_BYTES: Final = 4 * 1024 * 1024

_NEXT: Final = """
SELECT position, stream_id FROM trigger_api.trigger_events
WHERE version = 1 AND position > $1 ORDER BY position LIMIT $2
"""
_EVENTS: Final = f"""
SELECT position, aggregate, {EVENT_COLUMNS}
FROM trigger_api.trigger_events WHERE stream_id = $1 ORDER BY version
"""  # noqa: S608 - constants of ours
_SECRETS: Final = """
SELECT id, key_id, nonce, ciphertext FROM trigger_api.trigger_secrets WHERE trigger_id = $1
"""
# A state that still waits to be published is put behind what came since, with what it says now. One that was
# changed after it was read here has its newer state in the outbox already.
_QUEUE: Final = """
INSERT INTO trigger_api.outbox (position, subject, message)
SELECT position, subject, message
FROM unnest($1::bigint[], $2::text[], $3::bytea[], $4::uuid[])
     AS built (position, subject, message, stream_id)
WHERE NOT EXISTS (
    SELECT 1 FROM trigger_api.trigger_events AS newer
    WHERE newer.stream_id = built.stream_id AND newer.position > built.position
)
ORDER BY position
ON CONFLICT (position) DO UPDATE
SET message = EXCLUDED.message, sequence = nextval(pg_get_serial_sequence('trigger_api.outbox', 'sequence')),
    queued_at = now(), refused = NULL
"""

DatabaseConnection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


async def republish_all(
    connection: DatabaseConnection, *, renew_lease: Callable[[], Awaitable[None]] | None = None
) -> int:
    """Queue the state of every aggregate, the deleted ones too; return how many they are.

    Changes go on meanwhile: messages are built without a lock, and changes wait only while they are written.
    ``renew_lease`` is called before each message.
    """
    after, count = 0, 0
    while True:
        rows = await connection.fetch(_NEXT, after, _PAGE)
        if not rows:
            return count
        await republish(connection, ids=[row["stream_id"] for row in rows], renew_lease=renew_lease)
        after, count = rows[-1]["position"], count + len(rows)


async def republish(
    connection: DatabaseConnection,
    *,
    ids: Sequence[UUID],
    renew_lease: Callable[[], Awaitable[None]] | None = None,
) -> None:
    """Queue the state of some aggregates."""
    messages: list[_Message] = []
    for stream_id in ids:
        if renew_lease is not None:
            await renew_lease()
        messages.append(await _message_of(connection, stream_id=stream_id))
        if sum(len(message.data) for message in messages) > _PAGE_BYTES:
            await _queue(connection, messages=messages)
            messages = []
    await _queue(connection, messages=messages)


@dataclass(frozen=True, slots=True)
class _Message:
    stream_id: UUID
    position: int
    subject: str
    data: bytes


async def _message_of(connection: DatabaseConnection, *, stream_id: UUID) -> _Message:
    rows = await connection.fetch(_EVENTS, stream_id)
    aggregate = BY_NAME[rows[0]["aggregate"]]
    events = recorded(rows, aggregate=aggregate)
    state = fold(aggregate, events)
    secrets = await connection.fetch(_SECRETS, stream_id) if aggregate.secret_ids(state) else []
    sealed = {row["id"]: SealedSecret(**dict(row)) for row in secrets}
    return _Message(
        stream_id=stream_id,
        position=rows[-1]["position"],
        subject=aggregate.subject(stream_id),
        data=codec.encode(aggregate.message(state, events[-1], sealed)),
    )


async def _queue(connection: DatabaseConnection, *, messages: Sequence[_Message]) -> None:
    if not messages:
        return
    async with connection.transaction():
        await connection.execute(f"SELECT {LOCK_THE_LOG}, pg_notify('{OUTBOX_CHANNEL}', '')")
        await connection.execute(
            _QUEUE,
            [message.position for message in messages],
            [message.subject for message in messages],
            [message.data for message in messages],
            [message.stream_id for message in messages],
        )
