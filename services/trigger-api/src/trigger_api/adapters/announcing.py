"""Putting the current state of aggregates into the outbox once more.

What the bus lost, or holds sealed with a key that is to go, is announced again: each aggregate's last event
with the state after it, as if it had just happened. Readers go by versions, so whoever has it already
changes nothing.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, TypeAlias
from uuid import UUID

import asyncpg

from trigger_api.adapters.append_statements import LOCK_THE_LOG, OUTBOX_CHANNEL
from trigger_api.adapters.postgres_history import recorded
from trigger_api.domain import config_message
from trigger_api.domain import trigger as triggers
from trigger_api.domain import workflow as workflows
from trigger_api.domain.stored_events import TRIGGER_EVENTS, WORKFLOW_EVENTS
from trigger_contracts import codec, streams
from trigger_contracts.config import SealedSecret

_PAGE: Final = 200
"""Aggregates a transaction: appends wait for each, so it is short."""

_NEXT: Final = """
SELECT position, stream_id, aggregate FROM trigger_api.trigger_events
WHERE version = 1 AND position > $1 ORDER BY position LIMIT $2
"""
_EVENTS: Final = """
SELECT position, stream_id, version, type, schema_version, data, actor, request_id, occurred_at,
       cause_stream, cause_version
FROM trigger_api.trigger_events WHERE stream_id = ANY($1) ORDER BY stream_id, version
"""
_SECRETS: Final = """
SELECT id, key_id, nonce, ciphertext FROM trigger_api.trigger_secrets WHERE trigger_id = ANY($1)
"""
# A state that still waits to be announced is put behind what came since, with what it says now.
_QUEUE: Final = """
INSERT INTO trigger_api.outbox (position, subject, message)
SELECT * FROM unnest($1::bigint[], $2::text[], $3::bytea[])
ON CONFLICT (position) DO UPDATE
SET message = EXCLUDED.message, sequence = nextval(pg_get_serial_sequence('trigger_api.outbox', 'sequence')),
    queued_at = now(), refused = NULL
"""

DatabaseConnection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


async def announce_all(
    connection: DatabaseConnection, *, keep: Callable[[], Awaitable[None]] | None = None
) -> int:
    """Queue the state of every aggregate, the deleted ones too; return how many there are.

    In pages, so that changes go on meanwhile. ``keep`` is called between them.
    """
    after, count = 0, 0
    while True:
        rows = await connection.fetch(_NEXT, after, _PAGE)
        if not rows:
            return count
        async with connection.transaction():
            await connection.execute(f"SELECT {LOCK_THE_LOG}, pg_notify('{OUTBOX_CHANNEL}', '')")
            for aggregate in ("workflow", "trigger"):
                ids = [row["stream_id"] for row in rows if row["aggregate"] == aggregate]
                await _queue(connection, aggregate=aggregate, ids=ids)
        after, count = rows[-1]["position"], count + len(rows)
        if keep is not None:
            await keep()


async def announce_triggers(connection: DatabaseConnection, *, ids: Sequence[UUID]) -> None:
    """Queue the state of some triggers. Begin a transaction outside that holds the log's lock."""
    await _queue(connection, aggregate="trigger", ids=ids)


async def _queue(connection: DatabaseConnection, *, aggregate: str, ids: Sequence[UUID]) -> None:
    if not ids:
        return
    histories: dict[UUID, list[asyncpg.Record]] = {}
    for row in await connection.fetch(_EVENTS, ids):
        histories.setdefault(row["stream_id"], []).append(row)
    sealed = {row["id"]: SealedSecret(**dict(row)) for row in await connection.fetch(_SECRETS, ids)}
    positions = [history[-1]["position"] for history in histories.values()]
    if aggregate == "trigger":
        subjects = [streams.config_trigger(key) for key in histories]
        messages = [_of_trigger(history, sealed=sealed) for history in histories.values()]
    else:
        subjects = [streams.config_workflow(key) for key in histories]
        messages = [_of_workflow(history) for history in histories.values()]
    await connection.execute(_QUEUE, positions, subjects, messages)


def _of_trigger(history: Sequence[asyncpg.Record], *, sealed: Mapping[UUID, SealedSecret]) -> bytes:
    events = [recorded(row, events=TRIGGER_EVENTS) for row in history]
    trigger = triggers.evolve(triggers.fold(events[:-1]), events[-1])
    return codec.encode(config_message.trigger_changed(trigger, recorded=events[-1], sealed=sealed))


def _of_workflow(history: Sequence[asyncpg.Record]) -> bytes:
    events = [recorded(row, events=WORKFLOW_EVENTS) for row in history]
    workflow = workflows.evolve(workflows.fold(events[:-1]), events[-1])
    return codec.encode(config_message.workflow_changed(workflow, recorded=events[-1]))
