"""The counts of webhook requests on PostgreSQL."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from execution_recorder.domain.storable_text import storable
from execution_recorder.domain.webhook_log import WebhookLog
from execution_recorder.domain.webhook_rates import Count, Span, tallied
from execution_recorder.ports import OutcomeCount, TriggerTraffic, UnstorableError
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

# The busiest first; two of the same traffic by id, so that the answer does not depend on the plan.
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
    counts = tallied(logs)
    if not counts:
        return
    rows = [
        (key.workspace, key.trigger_id, key.span, key.starts_at, key.outcome, *_numbers(count))
        for key, count in counts
    ]
    await connection.execute(_ADD, *(list(column) for column in zip(*rows, strict=True)))


def _numbers(count: Count) -> tuple[int, float]:
    return count.requests, count.processing_time_ms


class PostgresWebhookRates:
    """The port ``WebhookRates``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of_trigger(
        self, trigger_id: UUID, *, workspace: str, span: Span, since: datetime, until: datetime
    ) -> Sequence[OutcomeCount]:
        """See ``ports.WebhookRates``."""
        async with self._database.connection(refused=UnstorableError) as connection:
            rows = await connection.fetch(
                _OF_TRIGGER, storable(workspace), trigger_id, span.value, since, until
            )
        return [OutcomeCount(**dict(row)) for row in rows]

    async def first(self, *, workspace: str, span: Span) -> datetime | None:
        """See ``ports.WebhookRates``."""
        async with self._database.connection(refused=UnstorableError) as connection:
            found: datetime | None = await connection.fetchval(_FIRST, storable(workspace), span.value)
        return found

    async def busiest(
        self, *, workspace: str, span: Span, before: datetime, since: datetime, until: datetime, limit: int
    ) -> Sequence[TriggerTraffic]:
        """See ``ports.WebhookRates``."""
        async with self._database.connection(refused=UnstorableError) as connection:
            rows = await connection.fetch(
                _BUSIEST, storable(workspace), span.value, before, since, until, limit
            )
        return [
            TriggerTraffic(
                trigger_id=row["trigger_id"],
                requests=int(row["requests"] or 0),
                accepted=int(row["accepted"] or 0),
                before=int(row["before"] or 0),
            )
            for row in rows
        ]
