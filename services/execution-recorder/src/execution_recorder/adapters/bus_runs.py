"""What orchestrator-worker says about runs, over the bus."""

from collections.abc import Sequence

from execution_recorder.domain.open_execution import OpenExecution
from trigger_contracts import run_states, streams
from trigger_contracts.codec import ContractError, encode
from trigger_contracts.run_states import DescribeRuns, RecordedRun, RunsDescribed
from trigger_runtime.bus.connection import Bus, BusUnavailableError
from trigger_runtime.bus.request_reply import send_request

_TIMEOUT_SECONDS = 20.0


class BusRuns:
    """Implements ``ports.Runs``."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def describe(self, executions: Sequence[OpenExecution]) -> RunsDescribed:
        """Return how far executions are."""
        request = DescribeRuns(
            runs=tuple(
                RecordedRun(execution_id=execution.id)
                if execution.temporal is None
                else RecordedRun(
                    execution_id=execution.id,
                    temporal_workflow_id=execution.temporal.workflow_id,
                    temporal_run_id=execution.temporal.run_id,
                )
                for execution in executions
            )
        )
        data = await send_request(
            self._bus, subject=streams.DESCRIBE_RUNS, data=encode(request), timeout=_TIMEOUT_SECONDS
        )
        try:
            return run_states.REPLIES.decode(data)
        except ContractError as error:
            raise BusUnavailableError(f"the reply is not understood: {error}") from error
