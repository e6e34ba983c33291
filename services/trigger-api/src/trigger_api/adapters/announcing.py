"""Putting the current state of aggregates into the outbox once more.

What the bus lost, or holds sealed with a key that is to go, is announced again: each aggregate's last event
with the state after it, as if it had just happened. Readers go by versions, so whoever has it already
changes nothing.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias
from uuid import UUID

import asyncpg
import msgspec

from trigger_api.adapters.append_statements import LOCK_THE_LOG, OUTBOX_CHANNEL
from trigger_api.adapters.postgres_history import recorded
from trigger_api.domain import config_message
from trigger_api.domain import trigger as triggers
from trigger_api.domain import workflow as workflows
from trigger_api.domain.stored_events import TRIGGER_EVENTS, WORKFLOW_EVENTS
from trigger_contracts import codec, streams
from trigger_contracts.config import SealedSecret

_PAGE: Final = 200
"""Aggregates that are queued at once: appends wait for each page, so it is short."""
_PAGE_BYTES: Final = 4 * 1024 * 1024

_NEXT: Final = """
SELECT position, stream_id FROM trigger_api.trigger_events
WHERE version = 1 AND position > $1 ORDER BY position LIMIT $2
"""
_EVENTS: Final = """
SELECT position, stream_id, aggregate, version, type, schema_version, data, actor, request_id, occurred_at,
       cause_stream, cause_version
FROM trigger_api.trigger_events WHERE stream_id = $1 ORDER BY version
"""
_SECRETS: Final = """
SELECT id, key_id, nonce, ciphertext FROM trigger_api.trigger_secrets WHERE trigger_id = $1
"""
# A state that still waits to be announced is put behind what came since, with what it says now. One that was
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


async def announce_all(
    connection: DatabaseConnection, *, keep: Callable[[], Awaitable[None]] | None = None
) -> int:
    """Queue the state of every aggregate, the deleted ones too; return how many there are.

    Changes go on meanwhile: what is queued is made ready without a lock, and changes wait only while it is
    written. ``keep`` is called now and then.
    """
    after, count = 0, 0
    while True:
        rows = await connection.fetch(_NEXT, after, _PAGE)
        if not rows:
            return count
        await announce(connection, ids=[row["stream_id"] for row in rows], keep=keep)
        after, count = rows[-1]["position"], count + len(rows)


async def announce(
    connection: DatabaseConnection,
    *,
    ids: Sequence[UUID],
    keep: Callable[[], Awaitable[None]] | None = None,
) -> None:
    """Queue the state of some aggregates."""
    built: list[_Built] = []
    for stream_id in ids:
        built.append(await _build(connection, stream_id=stream_id))
        if sum(len(one.message) for one in built) > _PAGE_BYTES:
            await _queue(connection, built=built)
            built = []
        if keep is not None:
            await keep()
    await _queue(connection, built=built)


@dataclass(frozen=True, slots=True)
class _Built:
    stream_id: UUID
    position: int
    subject: str
    message: bytes


async def _build(connection: DatabaseConnection, *, stream_id: UUID) -> _Built:
    history = await connection.fetch(_EVENTS, stream_id)
    position = history[-1]["position"]
    if history[0]["aggregate"] == "workflow":
        return _Built(stream_id, position, streams.config_workflow(stream_id), _of_workflow(history))
    sealed = {row["id"]: SealedSecret(**dict(row)) for row in await connection.fetch(_SECRETS, stream_id)}
    return _Built(stream_id, position, streams.config_trigger(stream_id), _of_trigger(history, sealed=sealed))


async def _queue(connection: DatabaseConnection, *, built: Sequence[_Built]) -> None:
    if not built:
        return
    async with connection.transaction():
        await connection.execute(f"SELECT {LOCK_THE_LOG}, pg_notify('{OUTBOX_CHANNEL}', '')")
        await connection.execute(
            _QUEUE,
            [one.position for one in built],
            [one.subject for one in built],
            [one.message for one in built],
            [one.stream_id for one in built],
        )


def _of_trigger(history: Sequence[asyncpg.Record], *, sealed: Mapping[UUID, SealedSecret]) -> bytes:
    events = [recorded(row, events=TRIGGER_EVENTS) for row in history]
    trigger = triggers.evolve(triggers.fold(events[:-1]), events[-1])
    # A secret that is not there any more was rotated away while this was read; a newer state follows.
    known = msgspec.structs.replace(
        trigger, secrets=tuple(secret for secret in trigger.secrets if secret.id in sealed)
    )
    return codec.encode(config_message.trigger_changed(known, recorded=events[-1], sealed=sealed))


def _of_workflow(history: Sequence[asyncpg.Record]) -> bytes:
    events = [recorded(row, events=WORKFLOW_EVENTS) for row in history]
    workflow = workflows.evolve(workflows.fold(events[:-1]), events[-1])
    return codec.encode(config_message.workflow_changed(workflow, recorded=events[-1]))
