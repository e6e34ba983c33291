"""Requests over the bus: a request in, the use case, a reply out."""

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import structlog

from scheduler_sync.ports import LiveSchedules, ScheduleMissingError, TemporalUnavailableError
from scheduler_sync.usecases.manual_runs import (
    ManualRuns,
    NoSuchTriggerError,
    NotSyncedError,
    RequestRefusedError,
    describe_schedule,
)
from trigger_contracts import codec, schedule_requests
from trigger_contracts.codec import Codec, ContractError, Message
from trigger_contracts.schedule_requests import (
    DescribeSchedule,
    FailureCode,
    RequestFailed,
    ScheduleDescribed,
)
from trigger_runtime.bus.connection import BusUnavailableError

log = structlog.stdlib.get_logger(__name__)

R = TypeVar("R")
Handler = Callable[[bytes], Awaitable[bytes]]


def _failed(reason: str, *, code: FailureCode, field: str = "") -> bytes:
    return codec.encode(RequestFailed(reason=reason, code=code, field=field))


_UNREADABLE: Final = _failed("unknown request type", code=FailureCode.UNKNOWN_REQUEST)
_TEMPORAL_UNAVAILABLE: Final = _failed("Temporal cannot be reached now", code=FailureCode.UNAVAILABLE)
_BUS_UNAVAILABLE: Final = _failed("the configuration cannot be read now", code=FailureCode.UNAVAILABLE)
_NO_TRIGGER: Final = _failed("there is no such schedule trigger", code=FailureCode.NOT_FOUND)
_NOT_SYNCED: Final = _failed("the schedule is not synced yet", code=FailureCode.UNAVAILABLE)
_NO_SCHEDULE: Final = _failed("the schedule is not in Temporal", code=FailureCode.NOT_FOUND)


def on_describe_schedule(schedules: LiveSchedules) -> Handler:
    """Return the handler of ``DescribeSchedule``."""

    async def describe(request: DescribeSchedule) -> ScheduleDescribed:
        return await describe_schedule(request.trigger_id, schedules=schedules)

    return _handler(schedule_requests.DESCRIBE_REQUESTS, do=describe)


def on_run_schedule(runs: ManualRuns) -> Handler:
    """Return the handler of ``RunSchedule``."""
    return _handler(schedule_requests.RUN_REQUESTS, do=runs.run)


def on_preview_backfill(runs: ManualRuns) -> Handler:
    """Return the handler of ``PreviewBackfill``."""
    return _handler(schedule_requests.PREVIEW_REQUESTS, do=runs.preview)


def on_backfill_schedule(runs: ManualRuns) -> Handler:
    """Return the handler of ``BackfillSchedule``."""
    return _handler(schedule_requests.BACKFILL_REQUESTS, do=runs.backfill)


def _handler(requests: Codec[R], *, do: Callable[[R], Awaitable[Message]]) -> Handler:
    """Return a handler. The details of an error stay in the log."""

    async def handle(data: bytes) -> bytes:
        try:
            return codec.encode(await do(requests.decode(data)))
        except ContractError as error:
            log.warning("request not understood", reason=str(error))
            return _UNREADABLE
        except (TemporalUnavailableError, BusUnavailableError) as error:
            log.warning("request not done", reason=str(error))
            return _TEMPORAL_UNAVAILABLE if isinstance(error, TemporalUnavailableError) else _BUS_UNAVAILABLE
        except NoSuchTriggerError:
            return _NO_TRIGGER
        except ScheduleMissingError:
            return _NO_SCHEDULE
        except NotSyncedError:
            return _NOT_SYNCED
        except RequestRefusedError as error:
            return _failed(str(error), code=FailureCode.REFUSED, field=error.field)

    return handle
