"""Bodies of large deliveries, from the bus's object store."""

from execution_recorder.ports import BodyLostError, BodyUnavailableError
from trigger_contracts import streams
from trigger_contracts.deliveries import ClaimCheck
from trigger_runtime.bus.connection import Bus, BusUnavailableError
from trigger_runtime.bus.object_store import ObjectDamagedError, ObjectMissingError, ObjectStore


class BusBodies:
    """The port ``Bodies``."""

    def __init__(self, bus: Bus) -> None:
        self._store = ObjectStore(bus, bucket=streams.DELIVERY_BODIES)

    async def fetch(self, claim: ClaimCheck) -> bytes:
        """Return the bytes, compared with the claim's hash."""
        try:
            return await self._store.get(str(claim.key), size=claim.size, sha256=claim.sha256)
        except (ObjectMissingError, ObjectDamagedError) as error:
            raise BodyLostError(str(error)) from error
        except BusUnavailableError as error:
            raise BodyUnavailableError(str(error)) from error
