"""The event log in PostgreSQL: events, projections and outbox in one transaction."""

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg

from trigger_api.adapters import projections
from trigger_api.adapters.idempotency_keys import claim, remember
from trigger_api.adapters.postgres_history import read_trigger, read_workflow
from trigger_api.domain.idempotency import Once, SealedAnswer
from trigger_api.domain.recorded import Recorded
from trigger_api.domain.stored_events import TRIGGER_EVENTS, WORKFLOW_EVENTS, EventCodec, name_of
from trigger_api.domain.trigger import Trigger, TriggerEvent
from trigger_api.domain.workflow import Workflow, WorkflowEvent
from trigger_api.ports import ConcurrentChangeError
from trigger_contracts import codec, streams
from trigger_contracts.codec import Message
from trigger_contracts.config import SealedSecret
from trigger_runtime.postgres import Connection, Database
from trigger_runtime.postgres_errors import lent

OUTBOX_CHANNEL: Final = "trigger_api_outbox"

# Held from before a position is drawn until after the commit (PostgreSQL releases transaction locks
# once the transaction is visible), so that positions become visible in their order.
LOCK_THE_LOG: Final = "pg_advisory_xact_lock(hashtext('trigger_api.trigger_events'))"

# One statement, so that the lock, which all writers share, is held for one exchange and the commit. Each part
# reads the one before it, which is what puts them in order: the lock, then the event and its position, then
# the projection (whose row would otherwise be locked first, and two writers could wait for each other). The
# notification is sent at the commit, once however often it is asked for.
_APPEND: Final = f"""
WITH locked AS MATERIALIZED (SELECT {LOCK_THE_LOG}, pg_notify('{OUTBOX_CHANNEL}', '')),
appended AS (
    INSERT INTO trigger_api.trigger_events
        (stream_id, aggregate, version, workspace, type, schema_version, data, actor, request_id, occurred_at,
         cause_stream, cause_version)
    SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12 FROM locked
    RETURNING position
),
announced AS (
    INSERT INTO trigger_api.outbox (position, subject, message) SELECT position, $13, $14 FROM appended
)
"""  # noqa: S608 - constants of ours
_APPEND_TRIGGER: Final = _APPEND + projections.trigger_upsert(first=15, after="appended")
_APPEND_WORKFLOW: Final = _APPEND + projections.workflow_upsert(first=15, after="appended")


class PostgresEventStore:
    """Begins units of work."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def unit(self) -> AsyncIterator["PostgresUnit"]:
        """Begin a transaction."""
        async with lent(self._database) as connection, connection.transaction():
            yield PostgresUnit(connection)


class PostgresUnit:
    """One transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._kept: dict[UUID, SealedSecret] = {}

    async def workflow(self, workflow_id: UUID) -> Workflow | None:
        """Fold a workflow, holding its row so that no trigger is added to it meanwhile."""
        await self._connection.execute(
            "SELECT 1 FROM trigger_api.workflows WHERE id = $1 FOR UPDATE", workflow_id
        )
        return await read_workflow(self._connection, workflow_id=workflow_id)

    async def trigger(self, trigger_id: UUID) -> Trigger | None:
        """Fold a trigger."""
        return await read_trigger(self._connection, trigger_id=trigger_id)

    async def workflow_is_live(self, workflow_id: UUID, *, workspace: str) -> bool:
        """Look, and hold the row against deletion; other readers may hold it too."""
        found = await self._connection.fetchval(
            "SELECT true FROM trigger_api.workflows"
            " WHERE id = $1 AND workspace = $2 AND deleted_at IS NULL FOR SHARE",
            workflow_id,
            workspace,
        )
        return bool(found)

    async def live_triggers(self, workflow_id: UUID) -> list[UUID]:
        """Return ids in a fixed order."""
        rows = await self._connection.fetch(
            "SELECT id FROM trigger_api.workflow_triggers"
            " WHERE workflow_id = $1 AND deleted_at IS NULL ORDER BY id",
            workflow_id,
        )
        return [row["id"] for row in rows]

    async def sealed_secrets(self, trigger_id: UUID, *, ids: Collection[UUID]) -> Mapping[UUID, SealedSecret]:
        """Read secrets, those of this transaction from memory."""
        if missing := [key for key in ids if key not in self._kept]:
            rows = await self._connection.fetch(
                "SELECT id, key_id, nonce, ciphertext FROM trigger_api.trigger_secrets"
                # Held, so that they are not sealed with another key before this change is announced.
                " WHERE trigger_id = $1 AND id = ANY($2) FOR SHARE",
                trigger_id,
                missing,
            )
            self._kept.update((row["id"], SealedSecret(**dict(row))) for row in rows)
        return {key: self._kept[key] for key in ids}

    async def keep_secret(self, trigger_id: UUID, *, secret: SealedSecret, now: datetime) -> None:
        """Store a sealed secret."""
        await self._connection.execute(
            "INSERT INTO trigger_api.trigger_secrets"
            " (id, trigger_id, key_id, nonce, ciphertext, created_at) VALUES ($1, $2, $3, $4, $5, $6)",
            secret.id,
            trigger_id,
            secret.key_id,
            secret.nonce,
            secret.ciphertext,
            now,
        )
        self._kept[secret.id] = secret

    async def forget_secrets(self, trigger_id: UUID, *, but: Collection[UUID]) -> None:
        """Delete what the state does not name."""
        await self._connection.execute(
            "DELETE FROM trigger_api.trigger_secrets WHERE trigger_id = $1 AND id <> ALL($2)",
            trigger_id,
            list(but),
        )

    async def append_trigger(
        self, trigger: Trigger, *, recorded: Recorded[TriggerEvent], message: Message
    ) -> None:
        """Append, project, queue."""
        await self._append(
            _APPEND_TRIGGER,
            *_event_row(trigger.id, "trigger", trigger.workspace, recorded=recorded, events=TRIGGER_EVENTS),
            streams.config_trigger(trigger.id),
            codec.encode(message),
            *projections.trigger_row(trigger),
        )

    async def append_workflow(
        self, workflow: Workflow, *, recorded: Recorded[WorkflowEvent], message: Message
    ) -> None:
        """Append, project, queue."""
        await self._append(
            _APPEND_WORKFLOW,
            *_event_row(
                workflow.id, "workflow", workflow.workspace, recorded=recorded, events=WORKFLOW_EVENTS
            ),
            streams.config_workflow(workflow.id),
            codec.encode(message),
            *projections.workflow_row(workflow),
        )

    async def claim(self, once: Once, *, now: datetime) -> SealedAnswer | None:
        """Take an idempotency key."""
        return await claim(self._connection, once=once, now=now)

    async def remember(self, once: Once, *, answer: SealedAnswer) -> None:
        """Keep the answer to a key."""
        await remember(self._connection, once=once, answer=answer)

    async def _append(self, statement: str, *values: object) -> None:
        try:
            await self._connection.execute(statement, *values)
        except asyncpg.UniqueViolationError as error:
            raise ConcurrentChangeError from error


def _event_row(
    stream_id: UUID, aggregate: str, workspace: str, *, recorded: Recorded[Any], events: EventCodec[Any]
) -> tuple[object, ...]:
    cause = recorded.cause
    return (
        stream_id,
        aggregate,
        recorded.version,
        workspace,
        name_of(recorded.event),
        events.schema_version(recorded.event),
        events.encode(recorded.event),
        recorded.author.actor,
        recorded.author.request_id,
        recorded.at,
        cause.stream_id if cause else None,
        cause.version if cause else None,
    )
