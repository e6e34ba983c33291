"""What Temporal has, asked of scheduler-sync over the bus."""

from typing import Final
from uuid import UUID

from trigger_api.ports import ScheduleUnknownError
from trigger_contracts import codec, schedule_requests, streams
from trigger_contracts.codec import ContractError
from trigger_contracts.schedule_requests import DescribeSchedule, RequestFailed, ScheduleDescribed
from trigger_runtime.bus.connection import Bus, BusUnavailableError
from trigger_runtime.bus.requests import ask

_SECONDS: Final = 3.0


class LiveSchedules:
    """Asks, and waits for a moment."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def describe(self, trigger_id: UUID) -> ScheduleDescribed:
        """Return what Temporal has now. Raises ``ScheduleUnknownError`` where nobody can say."""
        request = codec.encode(DescribeSchedule(trigger_id=trigger_id))
        try:
            data = await ask(self._bus, subject=streams.DESCRIBE_SCHEDULE, data=request, timeout=_SECONDS)
            answer = schedule_requests.ANSWERS.decode(data)
        except (BusUnavailableError, ContractError) as error:
            raise ScheduleUnknownError(str(error)) from error
        if isinstance(answer, RequestFailed):
            raise ScheduleUnknownError(answer.reason)
        return answer
