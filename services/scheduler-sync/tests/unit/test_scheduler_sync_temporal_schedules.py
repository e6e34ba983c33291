"""Errors of Temporal as errors of the port: a refusal to delete is not a success."""

from typing import Any, cast

import pytest
from temporalio.service import RPCError, RPCStatusCode

from scheduler_sync.adapters.temporal_schedules import TemporalSchedules
from scheduler_sync.ports import ScheduleRefusedError, TemporalUnavailableError
from trigger_runtime.temporal import TemporalConnection


class Answering:
    """A connection, its client and a handle in one, which fails as it is told."""

    def __init__(self, error: Exception | None) -> None:
        self.error = error
        self.client = self

    def get_schedule_handle(self, _: str) -> "Answering":
        return self

    async def delete(self, **_: Any) -> None:
        if self.error is not None:
            raise self.error


def schedules(error: Exception | None) -> TemporalSchedules:
    return TemporalSchedules(cast("TemporalConnection", Answering(error)))


@pytest.mark.parametrize(
    ("status", "message", "expected"),
    [
        (RPCStatusCode.PERMISSION_DENIED, "denied", TemporalUnavailableError),
        (RPCStatusCode.UNAVAILABLE, "away", TemporalUnavailableError),
        (RPCStatusCode.INTERNAL, "broken", TemporalUnavailableError),
        (RPCStatusCode.NOT_FOUND, "Namespace x is not found", TemporalUnavailableError),
        (RPCStatusCode.INVALID_ARGUMENT, "no", ScheduleRefusedError),
    ],
)
async def test_a_delete_that_failed_is_an_error(
    status: RPCStatusCode, message: str, expected: type[Exception]
) -> None:
    with pytest.raises(expected):
        await schedules(RPCError(message, status, b"")).delete("trigger-x")


async def test_what_is_gone_is_deleted() -> None:
    await schedules(None).delete("trigger-x")
    await schedules(RPCError("schedule not found", RPCStatusCode.NOT_FOUND, b"")).delete("trigger-x")
