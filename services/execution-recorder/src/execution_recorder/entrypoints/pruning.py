"""Deletes old history, every hour."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

import structlog
from prometheus_client import Counter

from execution_recorder.adapters.postgres_pruning import PostgresPruning
from execution_recorder.domain.webhook_rates import MINUTES_KEPT, Span
from trigger_runtime.lifecycle import BackgroundTask
from trigger_runtime.metrics import Metrics
from trigger_runtime.postgres import DatabaseUnavailableError

log = structlog.stdlib.get_logger(__name__)

# Each batch is one short transaction: rows may carry bodies of a megabyte, and recording goes on meanwhile.
_BATCH: Final = 500
_PAUSE_SECONDS: Final = 0.1
_ROUND_SECONDS: Final = 3600.0
_RETRY_SECONDS: Final = 60.0


class PruningTask(BackgroundTask):
    """A component that deletes what is older than ``kept``, an hour after it last found nothing more.

    ``None`` keeps everything but the counts by minute, which are for looking at the last day.
    """

    def __init__(
        self,
        pruning: PostgresPruning,
        *,
        kept: timedelta | None,
        now: Callable[[], datetime],
        metrics: Metrics,
    ) -> None:
        super().__init__("pruning", self._prune_for_ever)
        self._pruning = pruning
        self._kept = kept
        self._now = now
        self._pruned = Counter(
            "history_rows_pruned_total",
            "Webhook requests and ended executions deleted after their retention.",
            registry=metrics.registry,
        )

    async def _prune_for_ever(self) -> None:
        while True:
            pause = await self._prune()
            await asyncio.sleep(pause)

    async def _prune(self) -> float:
        """Delete a batch; return the seconds until the next."""
        try:
            now = self._now()
            rates = await self._pruning.prune_rates(Span.MINUTE, before=now - MINUTES_KEPT, limit=_BATCH)
            rows = 0
            if self._kept is not None:
                before = now - self._kept
                rates += await self._pruning.prune_rates(Span.HOUR, before=before, limit=_BATCH)
                rows = await self._pruning.prune(before=before, limit=_BATCH)
        except DatabaseUnavailableError as error:
            log.warning("pruning will be tried again", reason=str(error))
            return _RETRY_SECONDS
        except Exception:
            # A history that grows does less harm than a recorder that stops.
            log.exception("pruning failed")
            return _ROUND_SECONDS
        if rows or rates:
            self._pruned.inc(rows)
            log.info("history pruned", rows=rows, rates=rates)
        return _PAUSE_SECONDS if rows + rates >= _BATCH else _ROUND_SECONDS
