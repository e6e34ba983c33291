"""Looks for executions whose end is not on record, for as long as the service runs."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Final

import structlog
from prometheus_client import Counter

from execution_recorder.domain.open_execution import LOST
from execution_recorder.ports import OpenExecutions, Recording, Runs
from execution_recorder.usecases import look_at_open_executions
from trigger_contracts.run_states import MOST_RUNS
from trigger_runtime.bus.connection import BusUnavailableError
from trigger_runtime.lifecycle import BackgroundTask
from trigger_runtime.metrics import Metrics
from trigger_runtime.postgres import DatabaseUnavailableError

log = structlog.stdlib.get_logger(__name__)

_ROUND_SECONDS: Final = 5.0
_PAUSE_SECONDS: Final = 1.0
"""Between full batches: a backlog must not ask Temporal more than it starts."""


class OpenExecutionsTask(BackgroundTask):
    """Each process looks at others of them."""

    def __init__(
        self,
        open_executions: OpenExecutions,
        *,
        runs: Runs,
        recording: Recording,
        now: Callable[[], datetime],
        metrics: Metrics,
    ) -> None:
        super().__init__("open executions", self._look_for_ever)
        self._open = open_executions
        self._runs = runs
        self._recording = recording
        self._now = now
        self._concluded = Counter(
            "executions_concluded_total",
            "Executions that were recorded as terminated, since Temporal does not know them.",
            ["how"],
            registry=metrics.registry,
        )

    async def _look_for_ever(self) -> None:
        while True:
            pause = await self._look()
            await asyncio.sleep(pause)

    async def _look(self) -> float:
        """Look at a batch; return the seconds until the next."""
        try:
            looked, lost = await look_at_open_executions(
                self._open, runs=self._runs, recording=self._recording, limit=MOST_RUNS, now=self._now()
            )
        except (DatabaseUnavailableError, BusUnavailableError) as error:
            log.warning("open executions not looked at", reason=str(error))
            return _ROUND_SECONDS
        except Exception:
            # No caller awaits this: if it ended, executions would be running for ever.
            log.exception("looking at open executions failed")
            return _ROUND_SECONDS
        for execution_id in lost:
            self._concluded.labels(how=LOST).inc()
            log.warning("execution lost", execution_id=str(execution_id))
        return _PAUSE_SECONDS if looked == MOST_RUNS else _ROUND_SECONDS
