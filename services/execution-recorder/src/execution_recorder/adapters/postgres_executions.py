"""Executions on PostgreSQL: the fold of ``domain.execution`` as one upsert, and the reads."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from msgspec import UNSET, Raw

from execution_recorder.domain.execution import PRECEDENCE, ExecutionRecord
from execution_recorder.domain.facts import BACKFILL
from execution_recorder.domain.storable_text import storable
from execution_recorder.ports import ValueRefusedError
from execution_recorder.read_model import (
    LISTED_BYTES,
    ExecutionCause,
    ExecutionDocument,
    ExecutionPage,
    ExecutionRepeated,
    TriggerExecutionsQuery,
    page_cursor,
)
from trigger_contracts.ids import fire_execution_id
from trigger_runtime.postgres import Connection, Database
from trigger_runtime.postgres_pages import KeysetPage
from trigger_runtime.web.parameters import encode_cursor

_TABLE: Final = "execution_recorder.trigger_executions"

_PRECEDENCE: Final = ", ".join(f"'{status}'" for status in PRECEDENCE)

# Each register of the record keeps the smaller of what is known and what is new, in the order that
# `Origin.order`, `Start.order` and `End.order` spell; COLLATE "C" orders text as Python does.
_UPSERT: Final = f"""
INSERT INTO {_TABLE} AS known (
    id, workspace, trigger_id, trigger_type, trigger_name, workflow_id, cause_kind, cause_id, accepted_at,
    started_at, workflow_version, payload, temporal_workflow_id, temporal_run_id,
    status, completed_at, outputs, error
)
SELECT * FROM unnest(
    $1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::text[], $6::uuid[], $7::text[], $8::text[],
    $9::timestamptz[], $10::timestamptz[], $11::integer[], $12::json[], $13::text[], $14::text[],
    $15::text[], $16::timestamptz[], $17::json[], $18::json[]
)
ON CONFLICT (id) DO UPDATE SET
(workspace, trigger_id, trigger_type, trigger_name, workflow_id, cause_kind, cause_id, accepted_at) = (
    SELECT * FROM (VALUES
        (known.workspace, known.trigger_id, known.trigger_type, known.trigger_name, known.workflow_id,
         known.cause_kind, known.cause_id, known.accepted_at),
        (excluded.workspace, excluded.trigger_id, excluded.trigger_type, excluded.trigger_name,
         excluded.workflow_id, excluded.cause_kind, excluded.cause_id, excluded.accepted_at)
    ) AS v (workspace, trigger_id, trigger_type, trigger_name, workflow_id, cause_kind, cause_id, at)
    ORDER BY v.trigger_name IS NULL, v.at, v.cause_kind COLLATE "C", v.cause_id COLLATE "C",
        v.trigger_name COLLATE "C", v.workflow_id, v.trigger_id, v.trigger_type COLLATE "C",
        v.workspace COLLATE "C"
    LIMIT 1
),
(started_at, workflow_version, payload, temporal_workflow_id, temporal_run_id) = (
    SELECT v.at, v.version, v.payload, v.workflow, v.run FROM (VALUES
        (known.started_at, known.workflow_version, known.payload, known.temporal_workflow_id,
         known.temporal_run_id, known.completed_at, known.status, known.outputs, known.error),
        (excluded.started_at, excluded.workflow_version, excluded.payload, excluded.temporal_workflow_id,
         excluded.temporal_run_id, excluded.completed_at, excluded.status, excluded.outputs, excluded.error)
    ) AS v (at, version, payload, workflow, run, ended_at, status, outputs, error)
    ORDER BY v.at NULLS LAST, v.version NULLS LAST, v.payload::text COLLATE "C" NULLS LAST,
        -- Without any start the run is the one whose end is kept; with one, ends have no say in it.
        CASE WHEN v.at IS NULL THEN array_position(ARRAY[{_PRECEDENCE}], v.status) END,
        CASE WHEN v.at IS NULL THEN v.ended_at END NULLS LAST,
        CASE WHEN v.at IS NULL THEN v.outputs::text END COLLATE "C" NULLS LAST,
        CASE WHEN v.at IS NULL THEN v.error::text END COLLATE "C" NULLS LAST,
        v.workflow COLLATE "C" NULLS LAST, v.run COLLATE "C" NULLS LAST
    LIMIT 1
),
(status, completed_at, outputs, error) = (
    SELECT * FROM (VALUES
        (known.status, known.completed_at, known.outputs, known.error),
        (excluded.status, excluded.completed_at, excluded.outputs, excluded.error)
    ) AS v (status, at, outputs, error)
    ORDER BY array_position(ARRAY[{_PRECEDENCE}], v.status), v.at NULLS LAST,
        v.outputs::text COLLATE "C" NULLS LAST, v.error::text COLLATE "C" NULLS LAST
    LIMIT 1
)
"""  # noqa: S608 - built of this package's constants


async def merge_executions(connection: Connection, records: Sequence[ExecutionRecord]) -> None:
    """Fold records, at most one an execution, into the table with one statement."""
    if not records:
        return
    # All processes lock in one order: two batches that share executions cannot deadlock.
    rows = [_row(record) for record in sorted(records, key=lambda record: record.id)]
    await connection.execute(_UPSERT, *(list(column) for column in zip(*rows, strict=True)))


def _row(record: ExecutionRecord) -> tuple[Any, ...]:
    origin, start, end, temporal = record.origin, record.start, record.end, record.temporal
    return (
        record.id,
        origin.workspace,
        origin.trigger_id,
        origin.trigger_type,
        origin.trigger_name,
        origin.workflow_id,
        origin.cause_kind,
        origin.cause_id,
        origin.at,
        start and start.at,
        start and start.workflow_version,
        start and start.payload,
        temporal and temporal.workflow_id,
        temporal and temporal.run_id,
        record.status.value,
        end and end.at,
        end and end.outputs,
        end and end.error,
    )


_DOCUMENTS: Final = ("payload", "outputs", "error")
_COLUMNS: Final = ", ".join(
    "cause_kind, cause_id" if name == "cause" else name
    for name in ExecutionDocument.__struct_fields__
    if name not in (*_DOCUMENTS, "repeats")
)
_LISTED: Final = ", ".join(
    f"octet_length({name}::text) > {LISTED_BYTES} AS {name}_left_out,"
    f" CASE WHEN octet_length({name}::text) <= {LISTED_BYTES} THEN {name} END AS {name}"
    for name in _DOCUMENTS
)
_GET: Final = f"SELECT {_COLUMNS}, {', '.join(_DOCUMENTS)} FROM {_TABLE} WHERE id = $1 AND workspace = $2"  # noqa: S608
_LIST: Final = f"SELECT {_COLUMNS}, {_LISTED} FROM {_TABLE} WHERE workspace = $1"  # noqa: S608 - constants


class PostgresExecutions:
    """Reads executions. Raises ``DatabaseUnavailableError``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, execution_id: UUID, *, workspace: str) -> ExecutionDocument | None:
        """Return one, whole; ``None`` where the workspace has no such execution."""
        async with self._database.connection(refused=ValueRefusedError) as connection:
            row = await connection.fetchrow(_GET, execution_id, storable(workspace))
        return None if row is None else _document(**row)

    async def page(
        self, query: TriggerExecutionsQuery, *, workspace: str, trigger_id: UUID | None
    ) -> ExecutionPage:
        """Return a page, newest first, without what is over ``LISTED_BYTES``."""
        page = KeysetPage(_LIST, storable(workspace), key="accepted_at, id")
        page.where("trigger_id = {}", trigger_id)
        page.where("workflow_id = {}", query.workflow_id)
        page.where("status = {}", query.status)
        page.where("accepted_at >= {}", query.since)
        page.where("accepted_at < {}", query.until)
        if query.cursor is not None:
            page.after(query.cursor.at, query.cursor.i)
        async with self._database.connection(refused=ValueRefusedError) as connection:
            rows, more = await page.fetch(connection, limit=query.limit)
        items = [_document(**row) for row in rows]
        cursor = encode_cursor(page_cursor(items[-1].accepted_at, id_=items[-1].id)) if more else None
        return ExecutionPage(items=items, next_cursor=cursor)


def _document(*, cause_kind: str, cause_id: str, **columns: Any) -> ExecutionDocument:
    for name in _DOCUMENTS:
        text = columns[name]
        if columns.pop(f"{name}_left_out", False):
            columns[name] = UNSET
        elif text is not None:
            columns[name] = Raw(text)
    return ExecutionDocument(
        cause=ExecutionCause(kind=cause_kind, id=cause_id),
        repeats=_repeated(columns["trigger_id"], cause_id=cause_id) if cause_kind == BACKFILL else UNSET,
        **columns,
    )


def _repeated(trigger_id: UUID, *, cause_id: str) -> ExecutionRepeated:
    """Return the fire that a backfill runs again, by the nominal time that both have."""
    fire = fire_execution_id(trigger_id, nominal_time=datetime.fromisoformat(cause_id))
    return ExecutionRepeated(kind=BACKFILL, execution_id=fire)
