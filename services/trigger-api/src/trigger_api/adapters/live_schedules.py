"""Temporal's schedules, asked of scheduler-sync over the bus."""

from collections.abc import Sequence
from typing import Final, TypeVar
from uuid import UUID

from trigger_api.ports import Fire, ScheduleUnknownError
from trigger_contracts import codec, schedule_requests, streams
from trigger_contracts.codec import Codec, ContractError, Message
from trigger_contracts.schedule_requests import (
    BackfillPreviewed,
    BackfillSchedule,
    BackfillStarted,
    DescribeSchedule,
    FailureCode,
    PreviewBackfill,
    RequestFailed,
    RunSchedule,
    ScheduleDescribed,
)
from trigger_runtime.bus.connection import Bus, BusUnavailableError
from trigger_runtime.bus.request_reply import send_request
from trigger_validation import FieldError, InvalidError

A = TypeVar("A")

_SECONDS: Final = 3.0


class LiveSchedules:
    """Asks, and waits for a moment."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def describe(self, trigger_id: UUID) -> ScheduleDescribed:
        """See ``ports.LiveSchedules``."""
        request = DescribeSchedule(trigger_id=trigger_id)
        return await self._ask(
            request, subject=streams.DESCRIBE_SCHEDULE, answers=schedule_requests.DESCRIBE_REPLIES
        )

    async def run(self, request: RunSchedule) -> None:
        """See ``ports.LiveSchedules``."""
        await self._ask(request, subject=streams.RUN_SCHEDULE, answers=schedule_requests.RUN_REPLIES)

    async def preview_backfill(self, request: PreviewBackfill) -> Sequence[Fire]:
        """See ``ports.LiveSchedules``."""
        shown = await self._ask(
            request, subject=streams.PREVIEW_BACKFILL, answers=schedule_requests.PREVIEW_REPLIES
        )
        return _fires(shown)

    async def backfill(self, request: BackfillSchedule) -> Sequence[Fire]:
        """See ``ports.LiveSchedules``."""
        started = await self._ask(
            request, subject=streams.BACKFILL_SCHEDULE, answers=schedule_requests.BACKFILL_REPLIES
        )
        return _fires(started)

    async def _ask(self, request: Message, *, subject: str, answers: Codec[A | RequestFailed]) -> A:
        try:
            data = await send_request(
                self._bus, subject=subject, data=codec.encode(request), timeout=_SECONDS
            )
            answer = answers.decode(data)
        except (BusUnavailableError, ContractError) as error:
            raise ScheduleUnknownError(str(error)) from error
        if not isinstance(answer, RequestFailed):
            return answer
        if answer.code is FailureCode.REFUSED:
            pointer = f"/{answer.field}" if answer.field else ""
            raise InvalidError([FieldError(pointer, f"{answer.reason[:1].upper()}{answer.reason[1:]}.")])
        raise ScheduleUnknownError(answer.reason)


def _fires(found: BackfillPreviewed | BackfillStarted) -> Sequence[Fire]:
    return [
        Fire(fire_time=at, execution_id=execution_id)
        for at, execution_id in zip(found.fire_times, found.execution_ids, strict=True)
    ]
