"""The event log in PostgreSQL: events, projections and outbox in one transaction."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec

from trigger_api.domain import trigger as triggers
from trigger_api.domain import workflow as workflows
from trigger_api.domain.recorded import Author, Recorded
from trigger_api.domain.trigger import Trigger, TriggerEvent
from trigger_api.domain.workflow import Workflow, WorkflowEvent
from trigger_api.ports import ConcurrentChangeError
from trigger_contracts import codec, streams
from trigger_contracts.codec import Message
from trigger_contracts.config import SealedSecret, TriggerType
from trigger_contracts.schedules import schedule_id
from trigger_runtime.postgres import Connection, Database
from trigger_runtime.postgres_errors import lent

OUTBOX_CHANNEL: Final = "trigger_api_outbox"

# Held from before a position is drawn until after the commit (PostgreSQL releases transaction locks
# once the transaction is visible), so that positions become visible in their order.
_LOCK_THE_LOG: Final = "SELECT pg_advisory_xact_lock(hashtext('trigger_api.trigger_events'))"

_trigger_events: Final = msgspec.json.Decoder(TriggerEvent)
_workflow_events: Final = msgspec.json.Decoder(WorkflowEvent)


class PostgresEventStore:
    """Begins units of work, and reads the history."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def unit(self) -> AsyncIterator["PostgresUnit"]:
        """Begin a transaction."""
        async with lent(self._database) as connection, connection.transaction():
            yield PostgresUnit(connection)

    async def trigger_history(
        self, trigger_id: UUID, *, before: int | None, limit: int
    ) -> list[Recorded[TriggerEvent]]:
        """Return some of a trigger's events, newest first."""
        async with lent(self._database) as connection:
            rows = await connection.fetch(
                f"{_HISTORY} AND ($2::integer IS NULL OR version < $2) ORDER BY version DESC LIMIT $3",
                trigger_id,
                before,
                limit,
            )
        return [_recorded(row, event=_trigger_events.decode(row["data"])) for row in rows]


class PostgresUnit:
    """One transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._holds_the_log = False

    async def workflow(self, workflow_id: UUID) -> Workflow | None:
        """Fold a workflow, holding its row so that no trigger is added to it meanwhile."""
        await self._connection.execute(
            "SELECT 1 FROM trigger_api.workflows WHERE id = $1 FOR UPDATE", workflow_id
        )
        rows = await _history(self._connection, stream_id=workflow_id)
        return workflows.fold([_recorded(row, event=_workflow_events.decode(row["data"])) for row in rows])

    async def trigger(self, trigger_id: UUID) -> Trigger | None:
        """Fold a trigger."""
        return triggers.fold(await _trigger_history(self._connection, trigger_id=trigger_id))

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

    async def sealed_secrets(self, trigger_id: UUID) -> dict[UUID, SealedSecret]:
        """Read the secrets that are stored for a trigger."""
        rows = await self._connection.fetch(
            "SELECT id, key_id, nonce, ciphertext FROM trigger_api.trigger_secrets WHERE trigger_id = $1",
            trigger_id,
        )
        return {row["id"]: SealedSecret(**dict(row)) for row in rows}

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

    async def append_trigger(
        self, trigger: Trigger, *, recorded: Recorded[TriggerEvent], message: Message
    ) -> None:
        """Append, project, queue."""
        await self._append(
            trigger.id,
            aggregate="trigger",
            workspace=trigger.workspace,
            recorded=recorded,
            subject=streams.config_trigger(trigger.id),
            message=message,
        )
        await self._connection.execute(_PROJECT_TRIGGER, *_trigger_row(trigger))

    async def append_workflow(
        self, workflow: Workflow, *, recorded: Recorded[WorkflowEvent], message: Message
    ) -> None:
        """Append, project, queue."""
        await self._append(
            workflow.id,
            aggregate="workflow",
            workspace=workflow.workspace,
            recorded=recorded,
            subject=streams.config_workflow(workflow.id),
            message=message,
        )
        await self._connection.execute(
            _PROJECT_WORKFLOW,
            workflow.id,
            workflow.workspace,
            workflow.name,
            msgspec.json.encode(workflow.definition).decode(),
            workflow.version,
            workflow.created_at,
            workflow.updated_at,
            workflow.deleted_at,
        )

    async def _append(
        self,
        stream_id: UUID,
        *,
        aggregate: str,
        workspace: str,
        recorded: Recorded[Any],
        subject: str,
        message: Message,
    ) -> None:
        if not self._holds_the_log:
            await self._connection.execute(_LOCK_THE_LOG)
            # Sent at the commit, once for all that this transaction appends.
            await self._connection.execute("SELECT pg_notify($1, '')", OUTBOX_CHANNEL)
            self._holds_the_log = True
        try:
            await self._connection.execute(
                _APPEND,
                stream_id,
                aggregate,
                recorded.version,
                workspace,
                str(type(recorded.event).__struct_config__.tag),
                msgspec.json.encode(recorded.event).decode(),
                recorded.author.actor,
                recorded.author.request_id,
                recorded.at,
                subject,
                codec.encode(message),
            )
        except asyncpg.UniqueViolationError as error:
            raise ConcurrentChangeError from error


_APPEND: Final = """
WITH appended AS (
    INSERT INTO trigger_api.trigger_events
        (stream_id, aggregate, version, workspace, type, data, actor, request_id, occurred_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
    RETURNING position
)
INSERT INTO trigger_api.outbox (position, subject, message) SELECT position, $10, $11 FROM appended
"""

_PROJECT_TRIGGER: Final = """
INSERT INTO trigger_api.workflow_triggers
    (id, workspace, workflow_id, name, trigger_type, config, enabled, version, secret_id,
     temporal_schedule_id, created_at, updated_at, deleted_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
ON CONFLICT (id) DO UPDATE SET
    name = EXCLUDED.name, config = EXCLUDED.config, enabled = EXCLUDED.enabled, version = EXCLUDED.version,
    secret_id = EXCLUDED.secret_id, temporal_schedule_id = EXCLUDED.temporal_schedule_id,
    updated_at = EXCLUDED.updated_at, deleted_at = EXCLUDED.deleted_at
"""

_PROJECT_WORKFLOW: Final = """
INSERT INTO trigger_api.workflows
    (id, workspace, name, definition, version, created_at, updated_at, deleted_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (id) DO UPDATE SET
    name = EXCLUDED.name, definition = EXCLUDED.definition, version = EXCLUDED.version,
    updated_at = EXCLUDED.updated_at, deleted_at = EXCLUDED.deleted_at
"""


def _trigger_row(trigger: Trigger) -> tuple[object, ...]:
    in_force = next((secret.id for secret in trigger.secrets if secret.valid_until is None), None)
    return (
        trigger.id,
        trigger.workspace,
        trigger.workflow_id,
        trigger.name,
        trigger.type.value,
        msgspec.json.encode(trigger.config).decode(),
        trigger.enabled,
        trigger.version,
        in_force,
        schedule_id(trigger.id) if trigger.type is TriggerType.SCHEDULE else None,
        trigger.created_at,
        trigger.updated_at,
        trigger.deleted_at,
    )


_HISTORY: Final = """
SELECT version, data, actor, request_id, occurred_at FROM trigger_api.trigger_events WHERE stream_id = $1
"""


async def _history(connection: Connection, *, stream_id: UUID) -> list[asyncpg.Record]:
    return await connection.fetch(f"{_HISTORY} ORDER BY version", stream_id)


async def _trigger_history(connection: Connection, *, trigger_id: UUID) -> list[Recorded[TriggerEvent]]:
    rows = await _history(connection, stream_id=trigger_id)
    return [_recorded(row, event=_trigger_events.decode(row["data"])) for row in rows]


def _recorded(row: asyncpg.Record, *, event: Any) -> Recorded[Any]:
    return Recorded(
        event=event,
        version=row["version"],
        at=row["occurred_at"],
        author=Author(actor=row["actor"], request_id=row["request_id"]),
    )
