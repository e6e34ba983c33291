"""Records the ends of runs that did not record them: ended from outside, or their fact was lost."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog

from orchestrator_worker.domain.closed_runs import ClosedRun, end_of
from orchestrator_worker.ports import (
    Backfills,
    ExecutionLog,
    OpenRun,
    Runs,
    TemporalUnavailableError,
)
from orchestrator_worker.usecases.fire_identity import identify_fire
from trigger_contracts.executions import NAME_OF
from trigger_contracts.run_states import RecordedRun, RunsDescribed
from trigger_contracts.workflow_io import IdentifyFireInput, execution_workflow_id
from trigger_runtime.bus.connection import BusUnavailableError

log = structlog.stdlib.get_logger(__name__)

_FIRST_LOOK: Final = timedelta(days=1)
"""How far the first look goes back: for what ended while no worker was there."""
_OVERLAP: Final = timedelta(minutes=5)
"""How far each other look goes back: visibility may be behind."""
_MOST_KNOWN: Final = 100_000
_CONCURRENCY: Final = 8


class RunEnds:
    """Every replica looks, and any of them is asked: an end that is recorded twice is kept once."""

    def __init__(
        self,
        runs: Runs,
        *,
        execution_log: ExecutionLog,
        backfills: Backfills,
        now: Callable[[], datetime],
        count: Callable[[str], None],
        seconds: float = 2.0,
    ) -> None:
        """``count`` counts the ends that are recorded, by their names."""
        self._runs = runs
        self._log = execution_log
        self._backfills = backfills
        self._now = now
        self._count = count
        self._seconds = seconds
        self._since = now() - _FIRST_LOOK
        # In the order in which they were recorded.
        self._known: OrderedDict[str, None] = OrderedDict()
        self._slots = asyncio.Semaphore(_CONCURRENCY)

    async def watch(self) -> None:
        """Look for what was ended from outside, for as long as the service runs."""
        while True:
            try:
                await self.look()
            except (TemporalUnavailableError, BusUnavailableError) as error:
                log.warning("ends of runs not looked for", reason=str(error))
            except Exception:
                # No caller awaits this: if it ended, ends would be missing for ever.
                log.exception("looking for ends of runs failed")
            await asyncio.sleep(self._seconds)

    async def look(self) -> None:
        """Record what was ended from outside since the last look."""
        began = self._now()
        async for closed in self._runs.ended_from_outside(since=self._since, known=self._known):
            await self._record(closed)
        self._since = began - _OVERLAP
        while len(self._known) > _MOST_KNOWN:
            self._known.popitem(last=False)

    async def describe(self, recorded: tuple[RecordedRun, ...]) -> RunsDescribed:
        """Return how far executions are, and record the ends of those that are closed.

        One that cannot be looked up now is in no list.
        """
        states = await asyncio.gather(*map(self._state, recorded))

        def ids_of(kind: type | None) -> tuple[UUID, ...]:
            return tuple(
                run.execution_id
                for run, state in zip(recorded, states, strict=True)
                if (state is None if kind is None else isinstance(state, kind))
            )

        return RunsDescribed(running=ids_of(OpenRun), ended=ids_of(ClosedRun), unknown=ids_of(None))

    async def _state(self, recorded: RecordedRun) -> ClosedRun | OpenRun | Exception | None:
        workflow_id = recorded.temporal_workflow_id or execution_workflow_id(recorded.execution_id)
        async with self._slots:
            try:
                state = await self._runs.look_up(workflow_id, run_id=recorded.temporal_run_id or None)
                if isinstance(state, ClosedRun):
                    await self._record(state)
            except (TemporalUnavailableError, BusUnavailableError) as error:
                log.warning("run not looked up", execution_id=str(recorded.execution_id), reason=str(error))
                return error
            return state

    async def _record(self, closed: ClosedRun) -> None:
        end = end_of(closed, backfill=await self._backfill_of(closed))
        await self._log.record(end)
        self._known[closed.run_id] = None
        name = NAME_OF[type(end)]
        self._count(name)
        log.info("execution ended in Temporal", execution_id=str(end.execution.id), how=name)

    async def _backfill_of(self, closed: ClosedRun) -> UUID | None:
        """Return the backfill of a run that could not find it out itself."""
        if closed.start.run is not None or closed.execution_id is not None:
            return None
        fire = IdentifyFireInput(
            trigger_id=closed.start.trigger_id,
            nominal_time=closed.fire_time,
            started_at=closed.started_at,
        )
        return await identify_fire(fire, run_id=closed.run_id, backfills=self._backfills)
