"""How many changes wait to be published, as metrics."""

import asyncio
from typing import Final

import structlog
from prometheus_client import CollectorRegistry, Gauge

from trigger_runtime.bus.connection import describe
from trigger_runtime.postgres import Database, DatabaseUnavailableError

log = structlog.stdlib.get_logger(__name__)

_SECONDS: Final = 2.0
_MEASURE: Final = """
SELECT count(*) FILTER (WHERE refused IS NULL) AS waiting, count(refused) AS refused,
       coalesce(extract(epoch FROM now() - min(queued_at) FILTER (WHERE refused IS NULL)), 0) AS oldest
FROM trigger_api.outbox
"""


class OutboxGauges:
    """Measures the outbox, also while no replica can relay."""

    def __init__(self, database: Database, *, registry: CollectorRegistry) -> None:
        self._database = database
        self._waiting = Gauge("outbox_waiting", "Changes that are not published yet.", registry=registry)
        self._refused = Gauge("outbox_refused", "Changes that the bus will never take.", registry=registry)
        self._oldest = Gauge("outbox_oldest_seconds", "Age of the oldest one that waits.", registry=registry)

    async def run(self) -> None:
        """Measure for as long as the process lives."""
        while True:
            try:
                async with self._database.connection() as connection:
                    row = await connection.fetchrow(_MEASURE)
                if row is not None:
                    self._waiting.set(row["waiting"])
                    self._refused.set(row["refused"])
                    self._oldest.set(float(row["oldest"]))
            except DatabaseUnavailableError as error:
                log.warning("outbox not measured", reason=describe(error))
            await asyncio.sleep(_SECONDS)
