"""Requests to run, on the bus."""

from trigger_api.ports import FiringNotStoredError, FiringTooLargeError
from trigger_contracts import codec, streams
from trigger_contracts.firings import ManualFiring
from trigger_runtime.bus.connection import Bus, BusUnavailableError, MessageTooLargeError


class NatsFirings:
    """Publishes to ``firings.manual``."""

    def __init__(self, bus: Bus, *, timeout_seconds: float) -> None:
        self._bus = bus
        self._timeout = timeout_seconds

    async def request(self, firing: ManualFiring) -> None:
        """Return once the request is stored. Raises ``FiringNotStoredError`` or ``FiringTooLargeError``."""
        try:
            await self._bus.publish(
                streams.FIRINGS_MANUAL,
                codec.encode(firing),
                message_id=f"firing:{firing.execution_id}",
                timeout=self._timeout,
            )
        except MessageTooLargeError as error:
            raise FiringTooLargeError(str(error)) from error
        except BusUnavailableError as error:
            raise FiringNotStoredError(str(error)) from error
