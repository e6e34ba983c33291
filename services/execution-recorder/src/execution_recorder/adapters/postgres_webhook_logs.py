"""The webhook log on PostgreSQL."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import UNSET

from execution_recorder.adapters.keyset_query import KeysetQuery
from execution_recorder.domain.storable_text import storable
from execution_recorder.domain.webhook_log import WebhookLog
from execution_recorder.ports import (
    LISTED_BYTES,
    Page,
    PageKey,
    PageRequest,
    StoredWebhookLog,
    UnstorableError,
    WebhookLogFilter,
)
from trigger_runtime.postgres import Connection, Database

_TABLE: Final = "execution_recorder.webhook_logs"

_TYPES: Final = {
    "id": "uuid",
    "workspace": "text",
    "trigger_id": "uuid",
    "workflow_id": "uuid",
    "execution_id": "uuid",
    "request_id": "text",
    "request_method": "text",
    "request_path": "text",
    "request_headers": "json",
    "request_query": "json",
    "request_body": "bytea",
    "request_body_sha256": "text",
    "response_status": "integer",
    "response_body": "text",
    "rejection_reason": "text",
    "error": "text",
    "ip_address": "text",
    "user_agent": "text",
    "processing_time_ms": "double precision",
    "created_at": "timestamptz",
}
"""Column → type, in the order of ``WebhookLog``'s fields."""

_INSERT: Final = (
    f"INSERT INTO {_TABLE} ({', '.join(_TYPES)}) SELECT * FROM unnest("  # noqa: S608 - constants
    + ", ".join(f"${number}::{kind}[]" for number, kind in enumerate(_TYPES.values(), start=1))
    + ") ON CONFLICT (id) DO NOTHING RETURNING id"
)


async def insert_webhook_logs(connection: Connection, logs: Sequence[WebhookLog]) -> Sequence[WebhookLog]:
    """Add the rows that are not there yet with one statement; return those."""
    if not logs:
        return []
    # One order of locking for everybody: a batch that is redelivered meanwhile cannot deadlock.
    rows = [msgspec.structs.astuple(log) for log in sorted(logs, key=lambda log: log.id)]
    found = await connection.fetch(_INSERT, *(list(column) for column in zip(*rows, strict=True)))
    added = {row["id"] for row in found}
    return [log for log in logs if log.id in added]


_PLAIN: Final = ", ".join(name for name in _TYPES if name not in {"workspace", "request_body"})
_LENGTH: Final = "octet_length(request_body) AS request_body_bytes"
_LISTED_BODY: Final = (
    f"CASE WHEN octet_length(request_body) <= {LISTED_BYTES} THEN request_body END AS request_body"
)


class PostgresWebhookLogs:
    """The port ``WebhookLogs``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, log_id: UUID, *, workspace: str) -> StoredWebhookLog | None:
        """See ``ports.WebhookLogs``."""
        statement = (
            f"SELECT {_PLAIN}, {_LENGTH}, request_body FROM {_TABLE}"  # noqa: S608 - constants
            " WHERE id = $1 AND workspace = $2"
        )
        async with self._database.connection(refused=UnstorableError) as connection:
            row = await connection.fetchrow(statement, log_id, storable(workspace))
        return None if row is None else StoredWebhookLog(**dict(row))

    async def find(self, wanted: WebhookLogFilter, *, page: PageRequest) -> Page[StoredWebhookLog]:
        """See ``ports.WebhookLogs``."""
        query = KeysetQuery(
            table=_TABLE, columns=f"{_PLAIN}, {_LENGTH}, {_LISTED_BODY}", time_column="created_at"
        )
        query.where("workspace =", storable(wanted.workspace))
        query.where("trigger_id =", wanted.trigger_id)
        query.where("response_status =", wanted.response_status)
        query.where("rejection_reason =", wanted.rejection_reason)
        query.where("created_at >=", wanted.since)
        query.where("created_at <", wanted.until)
        statement = query.text(page)
        async with self._database.connection(refused=UnstorableError) as connection:
            rows = await connection.fetch(statement, *query.arguments)
        items = [_listed(dict(row)) for row in rows[: page.limit]]
        more = len(rows) > page.limit
        return Page(items=items, next=PageKey(at=items[-1].created_at, id=items[-1].id) if more else None)


def _listed(row: dict[str, Any]) -> StoredWebhookLog:
    if row["request_body"] is None:
        row["request_body"] = UNSET
    return StoredWebhookLog(**row)
