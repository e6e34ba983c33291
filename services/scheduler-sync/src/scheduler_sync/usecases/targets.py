"""What shall be, as much of it as a comparison needs, worked out once for each version of a trigger."""

from uuid import UUID

from scheduler_sync.domain.desired import UncompilableError
from scheduler_sync.domain.plan import Target
from scheduler_sync.usecases.foretelling import Foreteller
from trigger_contracts.config import TriggerState


class Targets:
    """Kept in memory: compiling and fingerprinting everything would cost more than Temporal's listing."""

    def __init__(self, foreteller: Foreteller) -> None:
        self._foreteller = foreteller
        self._known: dict[UUID, tuple[int, Target | UncompilableError]] = {}

    async def of(self, trigger: TriggerState) -> Target | UncompilableError | None:
        """Return a trigger's target, or why it has none; ``None`` where there shall be no schedule."""
        known = self._known.get(trigger.id)
        if known is not None and known[0] == trigger.version:
            return known[1]
        found = await self._target(trigger)
        if found is None:
            self._known.pop(trigger.id, None)
        else:
            self._known[trigger.id] = (trigger.version, found)
        return found

    async def _target(self, trigger: TriggerState) -> Target | UncompilableError | None:
        try:
            desired = await self._foreteller.desired(trigger)
        except UncompilableError as error:
            # The text alone: a traceback would keep its frames alive.
            return UncompilableError(str(error))
        return None if desired is None else desired.target
