"""The webhook log on PostgreSQL."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, get_args, get_type_hints
from uuid import UUID

from asyncpg import Record
from msgspec import UNSET, Raw

from execution_recorder.domain.storable_text import storable
from execution_recorder.domain.webhook_log import WebhookLog, WebhookLogFields
from execution_recorder.ports import ValueRefusedError
from execution_recorder.read_model import (
    LISTED_BYTES,
    TriggerWebhookLogsQuery,
    WebhookLogDocument,
    WebhookLogPage,
    page_cursor,
    webhook_log_document,
)
from trigger_runtime.postgres import Connection, Database
from trigger_runtime.postgres_pages import KeysetPage
from trigger_runtime.web.parameters import encode_cursor

_TABLE: Final = "execution_recorder.webhook_logs"

_TYPES: Final[dict[Any, str]] = {
    UUID: "uuid",
    str: "text",
    bool: "boolean",
    int: "integer",
    float: "double precision",
    bytes: "bytea",
    Raw: "json",
    datetime: "timestamptz",
}
_COLUMNS: Final = {
    name: next(_TYPES[kind] for kind in (hint, *get_args(hint)) if kind in _TYPES)
    for name, hint in get_type_hints(WebhookLog).items()
}
"""Column → type, of every field of ``WebhookLog``."""

_INSERT: Final = (
    f"INSERT INTO {_TABLE} ({', '.join(_COLUMNS)}) SELECT * FROM unnest("  # noqa: S608 - constants
    + ", ".join(f"${number}::{kind}[]" for number, kind in enumerate(_COLUMNS.values(), start=1))
    + ") ON CONFLICT (id) DO NOTHING RETURNING id"
)


# An execution's cause is the earliest of its deliveries, and the fold of executions has just locked it: of
# two transactions that record deliveries of one execution, the later sees the rows of the earlier.
_MARK: Final = f"""
UPDATE {_TABLE} AS log SET repetition = true
FROM execution_recorder.trigger_executions AS execution
WHERE log.execution_id = ANY($1) AND log.idempotency_key IS NOT NULL AND log.repetition IS FALSE
    AND execution.id = log.execution_id AND execution.cause_id <> log.id::text
"""  # noqa: S608 - a constant


async def mark_repeated(connection: Connection, logs: Sequence[WebhookLog]) -> None:
    """Mark what the added rows repeat, and what repeats them. Call it after their executions are merged."""
    executions = {
        log.execution_id for log in logs if log.idempotency_key is not None and log.rejection_reason is None
    }
    if executions:
        await connection.execute(_MARK, sorted(filter(None, executions)))


async def insert_webhook_logs(connection: Connection, logs: Sequence[WebhookLog]) -> Sequence[WebhookLog]:
    """Add the rows that are not there yet with one statement; return those."""
    if not logs:
        return []
    # All processes lock in one order: a batch that is redelivered meanwhile cannot deadlock.
    ordered = sorted(logs, key=lambda log: log.id)
    columns = [[_stored(getattr(log, name)) for log in ordered] for name in _COLUMNS]
    added = {row["id"] for row in await connection.fetch(_INSERT, *columns)}
    return [log for log in logs if log.id in added]


def _stored(value: Any) -> Any:
    return bytes(value).decode() if isinstance(value, Raw) else value


_SHOWN: Final = ", ".join(
    [
        *WebhookLogFields.__struct_fields__,
        "response_body",
        "octet_length(request_body) AS request_body_bytes",
        "visible_names",
        "json_fields",
    ]
)
_LISTED_BODY: Final = (
    f"CASE WHEN octet_length(request_body) <= {LISTED_BYTES} THEN request_body END AS request_body"
)
_GET: Final = f"SELECT {_SHOWN}, request_body FROM {_TABLE} WHERE id = $1 AND workspace = $2"  # noqa: S608
_LIST: Final = f"SELECT {_SHOWN}, {_LISTED_BODY} FROM {_TABLE} WHERE workspace = $1"  # noqa: S608


_GET_REQUEST: Final = f"""
SELECT request_method, request_path, request_query, request_headers, request_body, ip_address
FROM {_TABLE} WHERE id = $1 AND workspace = $2 AND trigger_id = $3
"""  # noqa: S608 - a constant


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRequest:
    """A request as it was recorded: ``query`` and ``headers`` are JSON objects."""

    method: str
    path: str
    query: str
    headers: str
    body: bytes
    client_address: str | None


class PostgresWebhookLogs:
    """Reads the log. Raises ``DatabaseUnavailableError``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, log_id: UUID, *, workspace: str) -> WebhookLogDocument | None:
        """Return one, whole; ``None`` where the workspace has no such request."""
        async with self._database.connection(refused=ValueRefusedError) as connection:
            row = await connection.fetchrow(_GET, log_id, storable(workspace))
        return None if row is None else _document(row)

    async def stored_request(self, log_id: UUID, *, workspace: str, trigger_id: UUID) -> StoredRequest | None:
        """Return the request of one; ``None`` where the trigger of the workspace has no such one."""
        async with self._database.connection(refused=ValueRefusedError) as connection:
            row = await connection.fetchrow(_GET_REQUEST, log_id, storable(workspace), trigger_id)
        if row is None:
            return None
        return StoredRequest(
            method=row["request_method"],
            path=row["request_path"],
            query=row["request_query"],
            headers=row["request_headers"],
            body=row["request_body"] or b"",
            client_address=row["ip_address"],
        )

    async def page(
        self, query: TriggerWebhookLogsQuery, *, workspace: str, trigger_id: UUID | None
    ) -> WebhookLogPage:
        """Return a page, newest first, without bodies over ``LISTED_BYTES``."""
        page = KeysetPage(_LIST, storable(workspace), key="created_at, id")
        page.where("trigger_id = {}", trigger_id)
        page.where("response_status = {}", query.status)
        page.where("rejection_reason = {}", query.reason)
        page.where("repetition = {}", query.repetition)
        page.where("created_at >= {}", query.since)
        page.where("created_at < {}", query.until)
        if query.cursor is not None:
            page.after(query.cursor.at, query.cursor.i)
        async with self._database.connection(refused=ValueRefusedError) as connection:
            rows, more = await page.fetch(connection, limit=query.limit)
        items = [_document(row) for row in rows]
        cursor = encode_cursor(page_cursor(items[-1].created_at, id_=items[-1].id)) if more else None
        return WebhookLogPage(items=items, next_cursor=cursor)


def _document(row: Record) -> WebhookLogDocument:
    columns: dict[str, Any] = {
        name: Raw(value) if value is not None and _COLUMNS.get(name) == "json" else value
        for name, value in row.items()
    }
    if columns["request_body"] is None:
        columns["request_body"] = UNSET
    return webhook_log_document(**columns)
