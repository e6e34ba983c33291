"""Requests over the bus: bytes in, the use case, bytes out."""

from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from scheduler_sync.ports import LiveSchedules, TemporalAwayError
from scheduler_sync.usecases import describe_schedule
from trigger_contracts import codec
from trigger_contracts.codec import ContractError
from trigger_contracts.schedule_requests import REQUESTS, RequestFailed

log = structlog.stdlib.get_logger(__name__)

_UNREADABLE: Final = codec.encode(RequestFailed(reason="the request is none that this release knows"))
_AWAY: Final = codec.encode(RequestFailed(reason="Temporal cannot be reached now"))


def on_describe_schedule(schedules: LiveSchedules) -> Callable[[bytes], Awaitable[bytes]]:
    """Return the handler of ``DescribeSchedule``. What went wrong in detail stays in the log."""

    async def handle(data: bytes) -> bytes:
        try:
            request = REQUESTS.decode(data)
            return codec.encode(await describe_schedule(request.trigger_id, schedules=schedules))
        except ContractError as error:
            log.warning("request not understood", reason=str(error))
            return _UNREADABLE
        except TemporalAwayError as error:
            log.warning("schedule not described", reason=str(error))
            return _AWAY

    return handle
