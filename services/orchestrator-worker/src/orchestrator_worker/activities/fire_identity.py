"""Whether a run is a schedule's own fire, or one that a person asked to run again."""

from datetime import timedelta
from typing import Final

from temporalio import activity

from orchestrator_worker.ports import Backfills
from trigger_contracts.workflow_io import IDENTIFY_FIRE, FireIdentity, IdentifyFireInput

_CLOCKS: Final = timedelta(seconds=5)
"""How far the clocks of scheduler-sync and Temporal may differ."""


class FireIdentities:
    """The activity of runs that begin late.

    Temporal gives a backfill's run what it gives every other: its nominal time. So the run looks whether its
    time was asked for, and claims the execution of that request. Two runs of one time never get the same: the
    second one finds the claim, and goes on to the next request, or is the fire's own.
    """

    def __init__(self, backfills: Backfills) -> None:
        self._backfills = backfills

    @activity.defn(name=IDENTIFY_FIRE)
    async def identify(self, fire: IdentifyFireInput) -> FireIdentity:
        """Return the request that this run belongs to. Temporal tries again while the bus is away."""
        run_id = activity.info().workflow_run_id or ""
        async for request in self._backfills.requests(fire.trigger_id):
            # What began before the request is a late fire of the schedule's own.
            is_before = fire.started_at < request.requested_at - _CLOCKS
            if is_before or fire.nominal_time not in request.fire_times:
                continue
            if await self._backfills.claim(request, nominal_time=fire.nominal_time, run_id=run_id):
                return FireIdentity(backfill=request.request_id)
        return FireIdentity(backfill=None)
