"""Requests over the bus for how far executions are."""

import structlog

from orchestrator_worker.usecases.run_ends import RunEnds
from trigger_contracts import codec, run_states
from trigger_contracts.codec import ContractError

log = structlog.stdlib.get_logger(__name__)


class RunRequests:
    """Replies to ``DescribeRuns``."""

    def __init__(self, ends: RunEnds) -> None:
        self._ends = ends

    async def handle(self, data: bytes) -> bytes:
        """Return the reply; to what is no request of this release it names no execution."""
        try:
            request = run_states.REQUESTS.decode(data)
        except ContractError as error:
            log.warning("request not understood", reason=str(error))
            return codec.encode(run_states.RunsDescribed())
        return codec.encode(await self._ends.describe(request.runs[: run_states.MOST_RUNS]))
