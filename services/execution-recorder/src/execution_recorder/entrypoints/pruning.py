"""What is done now and then, without anybody asking: old history is forgotten."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

import structlog
from prometheus_client import Counter

from execution_recorder.ports import Pruning
from trigger_runtime.lifecycle import BackgroundTask
from trigger_runtime.metrics import Metrics
from trigger_runtime.postgres import DatabaseUnavailableError

log = structlog.stdlib.get_logger(__name__)

# Each batch is one short transaction: rows may carry bodies of a megabyte, and recording goes on beside it.
_BATCH: Final = 500
_PAUSE_SECONDS: Final = 0.1
_ROUND_SECONDS: Final = 3600.0
_RETRY_SECONDS: Final = 60.0


class PruningTask(BackgroundTask):
    """A component that deletes what is older than ``kept``, an hour after it last found nothing more."""

    def __init__(
        self, pruning: Pruning, *, kept: timedelta, now: Callable[[], datetime], metrics: Metrics
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
            count = await self._pruning.prune(before=self._now() - self._kept, limit=_BATCH)
        except DatabaseUnavailableError as error:
            log.warning("pruning will be tried again", reason=str(error))
            return _RETRY_SECONDS
        except Exception:
            # History that grows is less of a harm than a recorder that ends for it.
            log.exception("pruning failed")
            return _ROUND_SECONDS
        if count:
            self._pruned.inc(count)
            log.info("history pruned", rows=count)
        return _PAUSE_SECONDS if count >= _BATCH else _ROUND_SECONDS
