"""Facts of executions, onto stream ``EXECUTIONS``."""

from orchestrator_worker.ports import FactTooLargeError
from trigger_contracts import streams
from trigger_contracts.codec import encode
from trigger_contracts.executions import NAME_OF, ExecutionFact, ExecutionStarted
from trigger_runtime.bus.connection import Bus, MessageTooLargeError


class BusExecutionLog:
    """Implements ``ports.ExecutionLog``. All ends of one execution share a message id: the first is kept."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def record(self, fact: ExecutionFact) -> None:
        """Publish the fact."""
        moment = "started" if isinstance(fact, ExecutionStarted) else "ended"
        try:
            await self._bus.publish(
                streams.execution(NAME_OF[type(fact)]),
                encode(fact),
                message_id=f"{fact.execution.id}:{moment}",
            )
        except MessageTooLargeError as error:
            raise FactTooLargeError(f"the bus does not take {error}") from error
