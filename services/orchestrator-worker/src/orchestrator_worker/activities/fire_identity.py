"""Which execution a run is that begins late."""

from temporalio import activity

from orchestrator_worker.ports import Backfills
from orchestrator_worker.usecases.fire_identity import identify_fire
from trigger_contracts.workflow_io import IDENTIFY_FIRE, FireIdentity, IdentifyFireInput


class FireIdentities:
    """The activity of runs that begin late."""

    def __init__(self, backfills: Backfills) -> None:
        self._backfills = backfills

    @activity.defn(name=IDENTIFY_FIRE)
    async def identify(self, fire: IdentifyFireInput) -> FireIdentity:
        """Return the request that this run belongs to. Temporal tries again while the bus is away."""
        run_id = activity.info().workflow_run_id or ""
        return FireIdentity(backfill=await identify_fire(fire, run_id=run_id, backfills=self._backfills))
