"""Whether a run is a schedule's own fire, or one that a person asked to run again."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from orchestrator_worker.ports import Backfills
from trigger_contracts.workflow_io import IdentifyFireInput

_CLOCKS: Final = timedelta(seconds=5)
"""How far the clocks of scheduler-sync and Temporal may differ."""


async def identify_fire(fire: IdentifyFireInput, *, run_id: str, backfills: Backfills) -> UUID | None:
    """Return the request that a run belongs to; ``None`` is a fire of the schedule itself.

    Temporal gives a backfill's run what it gives every other: its nominal time. So the run looks whether its
    time was asked for, and claims the execution of that request. Two runs of one time never get the same: the
    second one finds the claim, and goes on to the next request, or is the fire's own. A run that asks again
    gets what it got. Raises ``BusUnavailableError``.
    """
    async for request in backfills.requests(fire.trigger_id):
        # What began before the request is a late fire of the schedule's own.
        is_before = fire.started_at < request.requested_at - _CLOCKS
        if is_before or fire.nominal_time not in request.fire_times:
            continue
        if await backfills.claim(request, nominal_time=fire.nominal_time, run_id=run_id):
            return request.request_id
    return None
