"""The event log in PostgreSQL: events, projections and outbox in one transaction."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg
import structlog
from asyncpg.transaction import Transaction

from trigger_api.adapters import event_log, idempotency_keys
from trigger_api.domain.aggregate import Aggregate, Author, E, EventRef, Recorded, S, SealedSecrets, record
from trigger_api.domain.idempotency import ClaimedKey, IdempotencyKey, SealedResponse
from trigger_api.ports import ConcurrentChangeError, NotFoundError
from trigger_contracts import codec
from trigger_contracts.config import SealedSecret
from trigger_runtime.postgres import Connection, Database

log = structlog.stdlib.get_logger(__name__)

_INSERT_SECRET = """
INSERT INTO trigger_api.trigger_secrets (id, trigger_id, key_id, nonce, ciphertext, created_at)
VALUES ($1, $2, $3, $4, $5, $6)
"""  # noqa: S105 - a statement
_DELETE_SECRETS = "DELETE FROM trigger_api.trigger_secrets WHERE trigger_id = $1 AND id <> ALL($2)"
# Locked, so that they are not sealed with another key before this change is published; in the order in which
# a key rotation goes through them.
_LOCK_SECRETS = """
SELECT id, key_id, nonce, ciphertext FROM trigger_api.trigger_secrets
WHERE trigger_id = $1 ORDER BY id FOR UPDATE
"""


class PostgresEventStore:
    """Begins units of work, and reads histories."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def unit(self) -> AsyncIterator["PostgresUnitOfWork"]:
        async with self._database.connection() as connection:
            unit = PostgresUnitOfWork(connection)
            try:
                yield unit
                await unit.finish()
            except asyncpg.DeadlockDetectedError as error:
                # Rows are locked before the log, so this is not expected; the other side went on in any case.
                log.warning("deadlock", sqlstate=error.sqlstate)
                raise ConcurrentChangeError from error
            finally:
                # Also where the block raised: then nothing has been written.
                await unit.abandon()

    async def history(
        self, aggregate: Aggregate[S, E], stream_id: UUID, *, workspace: str
    ) -> list[Recorded[E]]:
        async with self._database.connection() as connection:
            return await event_log.history(connection, aggregate, stream_id, workspace=workspace)


class PostgresUnitOfWork:
    """One unit of work.

    Most commands read without a lock and write one statement, which is a transaction by itself. A transaction
    is begun where something is locked until the end, or where there is more to write.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._transaction: Transaction | None = None
        self._secrets: dict[UUID, SealedSecret] = {}
        self._locked: set[UUID] = set()
        self._secret_writes: list[_Write] = []
        self._appends: list[_Write] = []

    async def load(self, aggregate: Aggregate[S, E], stream_id: UUID) -> S | None:
        if aggregate.parent is None:
            await self._begin()
            await self._connection.execute(
                f"SELECT 1 FROM trigger_api.{aggregate.table} WHERE id = $1 FOR UPDATE",  # noqa: S608
                stream_id,
            )
        return await event_log.load(self._connection, aggregate, stream_id)

    async def load_children(self, aggregate: Aggregate[S, E], *, parent_id: UUID) -> list[S]:
        if aggregate.parent is None:
            raise ValueError(f"a {aggregate.name} has no parent")
        rows = await self._connection.fetch(
            f"SELECT id FROM trigger_api.{aggregate.table}"  # noqa: S608
            f" WHERE {aggregate.parent.column} = $1 AND deleted_at IS NULL ORDER BY id",
            parent_id,
        )
        states = [await event_log.load(self._connection, aggregate, row["id"]) for row in rows]
        return [state for state in states if state is not None]

    async def append(
        self,
        aggregate: Aggregate[S, E],
        state: S | None,
        *,
        events: Sequence[E],
        at: datetime,
        author: Author,
        cause: EventRef | None = None,
    ) -> S:
        before = state
        for recorded, after in record(aggregate, before, events=events, at=at, author=author, cause=cause):
            sealed = await self._sealed_secrets(aggregate, before, after=after)
            message = codec.encode(aggregate.message(after, recorded, sealed))
            values = event_log.append_values(aggregate, after, recorded=recorded, message=message)
            if recorded.version > 1:
                self._appends.append(_Write(event_log.append_statement(aggregate), values))
            else:
                missing = aggregate.parent.aggregate.name if aggregate.parent else None
                self._appends.append(_Write(event_log.begin_statement(aggregate), values, missing=missing))
            before = after
        if before is None:
            raise ValueError(f"a {aggregate.name} begins with an event")
        return before

    def store_secret(self, trigger_id: UUID, *, secret: SealedSecret, at: datetime) -> None:
        values = (secret.id, trigger_id, secret.key_id, secret.nonce, secret.ciphertext, at)
        self._secret_writes.append(_Write(_INSERT_SECRET, values))
        self._secrets[secret.id] = secret

    async def claim(self, key: IdempotencyKey, *, now: datetime) -> ClaimedKey:
        await self._begin()
        return await idempotency_keys.claim(self._connection, key=key, now=now)

    async def store_response(self, key: IdempotencyKey, *, response: SealedResponse) -> None:
        await idempotency_keys.store_response(self._connection, key=key, response=response)

    async def finish(self) -> None:
        """Write, and commit. Raises ``ConcurrentChangeError``, ``NotFoundError``."""
        # The log last: from the first append on, all other writers wait for our commit.
        writes = self._secret_writes + self._appends
        if len(writes) > 1:
            await self._begin()
        for write in writes:
            await self._execute(write)
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

    async def _sealed_secrets(
        self, aggregate: Aggregate[S, E], before: S | None, *, after: S
    ) -> SealedSecrets:
        """Return what a state names, sealed; delete what it does not name any more."""
        ids = aggregate.secret_ids(after)
        ids_before = aggregate.secret_ids(before) if before is not None else ()
        if before is not None and (ids or ids_before):
            await self._lock_secrets(after.id)
        if any(key not in self._secrets for key in ids):
            # Another caller rotated between our reading of the log and this: the decision is out of date.
            raise ConcurrentChangeError
        if not set(ids_before) <= set(ids):
            self._secret_writes.append(_Write(_DELETE_SECRETS, (after.id, list(ids))))
        return {key: self._secrets[key] for key in ids}

    async def _lock_secrets(self, trigger_id: UUID) -> None:
        if trigger_id in self._locked:
            return
        await self._begin()
        # Changes of one trigger's secrets go one after another: which rows there are changes with each.
        await self._connection.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"secrets of {trigger_id}"
        )
        rows = await self._connection.fetch(_LOCK_SECRETS, trigger_id)
        self._secrets.update((row["id"], SealedSecret(**dict(row))) for row in rows)
        self._locked.add(trigger_id)

    async def _execute(self, write: "_Write") -> None:
        try:
            done = await self._connection.execute(write.statement, *write.values)
        except asyncpg.UniqueViolationError as error:
            raise ConcurrentChangeError from error
        if write.missing is not None and done == event_log.NOTHING_WRITTEN:
            raise NotFoundError(write.missing)


@dataclass(frozen=True, slots=True)
class _Write:
    """``missing`` names what does not exist where nothing has been written."""

    statement: str
    values: tuple[object, ...]
    missing: str | None = None
