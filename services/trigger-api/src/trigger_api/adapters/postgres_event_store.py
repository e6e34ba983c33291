"""The event log in PostgreSQL: events, projections and outbox in one transaction."""

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import structlog
from asyncpg.transaction import Transaction

from trigger_api.adapters import append_statements as statements
from trigger_api.adapters import projections
from trigger_api.adapters.idempotency_keys import claim, remember
from trigger_api.adapters.postgres_history import read_trigger, read_workflow
from trigger_api.domain.idempotency import Claimed, Once, SealedAnswer
from trigger_api.domain.recorded import Recorded
from trigger_api.domain.stored_events import TRIGGER_EVENTS, WORKFLOW_EVENTS, EventCodec, name_of
from trigger_api.domain.trigger import Trigger, TriggerEvent
from trigger_api.domain.workflow import Workflow, WorkflowEvent
from trigger_api.ports import ConcurrentChangeError, NotFoundError
from trigger_contracts import codec, streams
from trigger_contracts.codec import Message
from trigger_contracts.config import SealedSecret
from trigger_runtime.postgres import Connection, Database

log = structlog.stdlib.get_logger(__name__)


class PostgresEventStore:
    """Begins units of work."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def unit(self) -> AsyncIterator["PostgresUnit"]:
        """Begin a unit of work: what it writes is written at its end, all of it or nothing."""
        async with self._database.connection() as connection:
            unit = PostgresUnit(connection)
            try:
                yield unit
                await unit.finish()
            except asyncpg.DeadlockDetectedError as error:
                # Rows are locked before the log, so this should not be; the other side went on in any case.
                log.warning("deadlock", sqlstate=error.sqlstate)
                raise ConcurrentChangeError from error
            finally:
                # Also where the block raised: then nothing has been written.
                await unit.abandon()


class PostgresUnit:
    """One unit of work.

    Most commands read without a lock and write one statement, which is a transaction by itself. A transaction
    is begun where something is held until the end, or where there is more to write.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._transaction: Transaction | None = None
        self._kept: dict[UUID, SealedSecret] = {}
        self._held: set[UUID] = set()
        self._writes: list[_Write] = []

    async def workflow(self, workflow_id: UUID) -> Workflow | None:
        """Fold a workflow, holding its row so that no trigger is added to it meanwhile."""
        await self._begin()
        await self._connection.execute(
            "SELECT 1 FROM trigger_api.workflows WHERE id = $1 FOR UPDATE", workflow_id
        )
        return await read_workflow(self._connection, workflow_id=workflow_id)

    async def trigger(self, trigger_id: UUID) -> Trigger | None:
        """Fold a trigger."""
        return await read_trigger(self._connection, trigger_id=trigger_id)

    async def live_triggers(self, workflow_id: UUID) -> list[UUID]:
        """Return ids in a fixed order."""
        rows = await self._connection.fetch(
            "SELECT id FROM trigger_api.workflow_triggers"
            " WHERE workflow_id = $1 AND deleted_at IS NULL ORDER BY id",
            workflow_id,
        )
        return [row["id"] for row in rows]

    async def hold_secrets(self, trigger_id: UUID) -> None:
        """Lock a trigger's secrets and read them."""
        if trigger_id in self._held:
            return
        await self._begin()
        # Changes of one trigger's secrets go one after another: which rows there are changes with each.
        await self._connection.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"secrets of {trigger_id}"
        )
        rows = await self._connection.fetch(
            "SELECT id, key_id, nonce, ciphertext FROM trigger_api.trigger_secrets"
            # Held, so that they are not sealed with another key before this change is announced; in the
            # order in which that goes through them.
            " WHERE trigger_id = $1 ORDER BY id FOR UPDATE",
            trigger_id,
        )
        self._kept.update((row["id"], SealedSecret(**dict(row))) for row in rows)
        self._held.add(trigger_id)

    def sealed_secrets(self, ids: Collection[UUID]) -> Mapping[UUID, SealedSecret]:
        """Return secrets that were read or kept here."""
        if any(key not in self._kept for key in ids):
            # Somebody rotated between our reading of the log and this: what was decided is out of date.
            raise ConcurrentChangeError
        return {key: self._kept[key] for key in ids}

    def keep_secret(self, trigger_id: UUID, *, secret: SealedSecret, now: datetime) -> None:
        """Store a sealed secret."""
        values = (secret.id, trigger_id, secret.key_id, secret.nonce, secret.ciphertext, now)
        self._writes.append(_Write(statements.STORE_SEALED, values))
        self._kept[secret.id] = secret

    def forget_secrets(self, trigger_id: UUID, *, but: Collection[UUID]) -> None:
        """Delete what the state does not name."""
        self._writes.append(_Write(statements.FORGET_SEALED, (trigger_id, list(but))))

    def append_trigger(self, trigger: Trigger, *, recorded: Recorded[TriggerEvent], message: Message) -> None:
        """Append, project, queue. A first event needs its workflow to be there."""
        values = (
            *_event_row(trigger.id, "trigger", trigger.workspace, recorded=recorded, events=TRIGGER_EVENTS),
            streams.config_trigger(trigger.id),
            codec.encode(message),
            *projections.trigger_row(trigger),
        )
        begins = recorded.version == 1
        statement = statements.BEGIN_TRIGGER if begins else statements.APPEND_TRIGGER
        self._writes.append(_Write(statement, values, missing="workflow" if begins else None))

    def append_workflow(
        self, workflow: Workflow, *, recorded: Recorded[WorkflowEvent], message: Message
    ) -> None:
        """Append, project, queue."""
        row = _event_row(
            workflow.id, "workflow", workflow.workspace, recorded=recorded, events=WORKFLOW_EVENTS
        )
        values = (
            *row,
            streams.config_workflow(workflow.id),
            codec.encode(message),
            *projections.workflow_row(workflow),
        )
        self._writes.append(_Write(statements.APPEND_WORKFLOW, values))

    async def claim(self, once: Once, *, now: datetime) -> Claimed:
        """Take an idempotency key."""
        await self._begin()
        return await claim(self._connection, once=once, now=now)

    async def remember(self, once: Once, *, answer: SealedAnswer) -> None:
        """Keep the answer to a key."""
        await remember(self._connection, once=once, answer=answer)

    async def finish(self) -> None:
        """Write, and commit. Raises ``ConcurrentChangeError``, ``NotFoundError``."""
        if len(self._writes) > 1:
            await self._begin()
        # The log last: from the first append on, everybody else's waits for our commit.
        for write in sorted(self._writes, key=lambda write: write.appends):
            await self._carry_out(write)
        if self._transaction is not None:
            transaction, self._transaction = self._transaction, None
            await transaction.commit()

    async def abandon(self) -> None:
        """Roll back what was begun and not committed."""
        if self._transaction is not None and not self._connection.is_closed():
            await self._transaction.rollback()

    async def _begin(self) -> None:
        if self._transaction is None:
            transaction = self._connection.transaction()
            await transaction.start()
            self._transaction = transaction

    async def _carry_out(self, write: "_Write") -> None:
        try:
            done = await self._connection.execute(write.statement, *write.values)
        except asyncpg.UniqueViolationError as error:
            raise ConcurrentChangeError from error
        if write.missing is not None and done == statements.NOTHING_WRITTEN:
            raise NotFoundError(write.missing)


@dataclass(frozen=True, slots=True)
class _Write:
    """``missing`` is what was not there where nothing has been written."""

    statement: str
    values: tuple[object, ...]
    missing: str | None = None

    @property
    def appends(self) -> bool:
        """Whether it takes the log's lock."""
        return self.statement not in {statements.STORE_SEALED, statements.FORGET_SEALED}


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
