"""The counts of webhook requests on PostgreSQL."""

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from typing import Final
from uuid import UUID

import msgspec
from asyncpg import Record

from execution_recorder.domain.storable_text import storable
from execution_recorder.domain.webhook_log import WebhookLog
from execution_recorder.domain.webhook_rates import ACCEPTED, Window, count_by_span
from execution_recorder.ports import ValueRefusedError
from execution_recorder.read_model import (
    BusiestTriggersDocument,
    SpanDocument,
    TriggerRatesDocument,
    TriggerTrafficDocument,
)
from trigger_runtime.postgres import Connection, Database

_TABLE: Final = "execution_recorder.webhook_rates"

_ADD: Final = f"""
INSERT INTO {_TABLE} AS known
SELECT * FROM unnest(
    $1::text[], $2::uuid[], $3::text[], $4::timestamptz[], $5::text[], $6::bigint[], $7::double precision[]
)
ON CONFLICT (workspace, trigger_id, span, starts_at, outcome) DO UPDATE SET
    requests = known.requests + excluded.requests,
    processing_time_ms = known.processing_time_ms + excluded.processing_time_ms
"""  # noqa: S608 - a constant

_OF_TRIGGER: Final = f"""
SELECT starts_at, outcome, requests, processing_time_ms FROM {_TABLE}
WHERE workspace = $1 AND trigger_id = $2 AND span = $3 AND starts_at >= $4 AND starts_at < $5
ORDER BY starts_at, outcome COLLATE "C"
"""  # noqa: S608 - a constant

_FIRST: Final = f"""
SELECT starts_at FROM {_TABLE} WHERE workspace = $1 AND span = $2 ORDER BY starts_at LIMIT 1
"""  # noqa: S608 - a constant

# The busiest first; two of the same traffic by id, so that the order does not depend on the plan.
_BUSIEST: Final = f"""
SELECT trigger_id,
    sum(requests) FILTER (WHERE starts_at >= $4) AS requests,
    sum(requests) FILTER (WHERE starts_at >= $4 AND outcome = 'accepted') AS accepted,
    sum(requests) FILTER (WHERE starts_at < $4) AS before
FROM {_TABLE}
WHERE workspace = $1 AND span = $2 AND starts_at >= $3 AND starts_at < $5
GROUP BY trigger_id
ORDER BY requests DESC NULLS LAST, before DESC NULLS LAST, trigger_id
LIMIT $6
"""  # noqa: S608 - a constant


async def add_webhook_rates(connection: Connection, logs: Sequence[WebhookLog]) -> None:
    """Count the rows with one statement. Its locks last until the end of the transaction: call it last."""
    counts = count_by_span(logs)
    if not counts:
        return
    rows = [msgspec.structs.astuple(key) + msgspec.structs.astuple(count) for key, count in counts]
    await connection.execute(_ADD, *(list(column) for column in zip(*rows, strict=True)))


class PostgresWebhookRates:
    """Reads the counts. A span is in a window by its start. Raises ``DatabaseUnavailableError``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of_trigger(self, trigger_id: UUID, *, window: Window, workspace: str) -> TriggerRatesDocument:
        """Return a trigger's counts, oldest first."""
        async with self._database.connection(refused=ValueRefusedError) as connection:
            rows = await connection.fetch(
                _OF_TRIGGER, storable(workspace), trigger_id, window.span.value, window.since, window.until
            )
        return TriggerRatesDocument(
            trigger_id=trigger_id,
            span=window.span,
            since=window.since,
            until=window.until,
            requests=sum(row["requests"] for row in rows),
            accepted=sum(row["requests"] for row in rows if row["outcome"] == ACCEPTED),
            items=[
                _span(starts_at, rows=list(group))
                for starts_at, group in groupby(rows, key=lambda row: row["starts_at"])
            ],
        )

    async def busiest(self, window: Window, *, workspace: str, limit: int) -> BusiestTriggersDocument:
        """Return at most ``limit`` triggers with their traffic in the window and before it, busiest first."""
        of_workspace = (storable(workspace), window.span.value)
        async with self._database.connection(refused=ValueRefusedError) as connection:
            first = await connection.fetchval(_FIRST, *of_workspace)
            rows = await connection.fetch(
                _BUSIEST, *of_workspace, window.before, window.since, window.until, limit
            )
        counted_before = first is not None and first <= window.before
        return BusiestTriggersDocument(
            since=window.since,
            until=window.until,
            items=[
                TriggerTrafficDocument(
                    trigger_id=row["trigger_id"],
                    requests=int(row["requests"] or 0),
                    accepted=int(row["accepted"] or 0),
                    requests_before=int(row["before"] or 0) if counted_before else None,
                )
                for row in rows
            ],
        )


def _span(starts_at: datetime, *, rows: Sequence[Record]) -> SpanDocument:
    requests = sum(row["requests"] for row in rows)
    return SpanDocument(
        starts_at=starts_at,
        requests=requests,
        outcomes={row["outcome"]: row["requests"] for row in rows},
        mean_processing_time_ms=sum(row["processing_time_ms"] for row in rows) / requests,
    )
