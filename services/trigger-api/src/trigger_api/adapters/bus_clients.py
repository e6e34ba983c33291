"""Clients of the bus: requests to run, and Temporal's schedules by way of scheduler-sync."""

from typing import Final, TypeVar
from uuid import UUID

from trigger_api.ports import (
    FiringTooLargeError,
    FiringUnconfirmedError,
    SampleUnavailableError,
    ScheduleUnavailableError,
)
from trigger_api.read_model import BackfillDocument, FireDocument
from trigger_contracts import codec, schedule_requests, streams
from trigger_contracts.codec import Codec, ContractError, Message
from trigger_contracts.firings import ManualFiring
from trigger_contracts.samples import (
    DELIVERY_REPLIES,
    EXPLAIN_REPLIES,
    DeliveryExplained,
    DeliverySample,
    ExplainDelivery,
    GetDelivery,
)
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
from trigger_runtime.bus.connection import Bus, BusUnavailableError, MessageTooLargeError
from trigger_runtime.bus.request_reply import send_request
from trigger_validation import FieldError, InvalidError

R = TypeVar("R")

_REPLY_SECONDS: Final = 3.0
_SAMPLE_SECONDS: Final = 5.0


class BusFirings:
    """Publishes requests to run to ``firings.manual``."""

    def __init__(self, bus: Bus, *, timeout_seconds: float) -> None:
        self._bus = bus
        self._timeout = timeout_seconds

    async def publish(self, firing: ManualFiring) -> None:
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
            raise FiringUnconfirmedError(str(error)) from error


class BusSchedules:
    """Asks scheduler-sync, and waits for a moment."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def describe(self, trigger_id: UUID) -> ScheduleDescribed:
        request = DescribeSchedule(trigger_id=trigger_id)
        return await self._ask(
            request, subject=streams.DESCRIBE_SCHEDULE, replies=schedule_requests.DESCRIBE_REPLIES
        )

    async def run(self, request: RunSchedule) -> None:
        await self._ask(request, subject=streams.RUN_SCHEDULE, replies=schedule_requests.RUN_REPLIES)

    async def preview_backfill(self, request: PreviewBackfill) -> BackfillDocument:
        shown = await self._ask(
            request, subject=streams.PREVIEW_BACKFILL, replies=schedule_requests.PREVIEW_REPLIES
        )
        return _document(shown)

    async def backfill(self, request: BackfillSchedule) -> BackfillDocument:
        started = await self._ask(
            request, subject=streams.BACKFILL_SCHEDULE, replies=schedule_requests.BACKFILL_REPLIES
        )
        return _document(started)

    async def _ask(self, request: Message, *, subject: str, replies: Codec[R | RequestFailed]) -> R:
        try:
            data = await send_request(
                self._bus, subject=subject, data=codec.encode(request), timeout=_REPLY_SECONDS
            )
            reply = replies.decode(data)
        except (BusUnavailableError, ContractError) as error:
            raise ScheduleUnavailableError(str(error)) from error
        if not isinstance(reply, RequestFailed):
            return reply
        if reply.code is FailureCode.REFUSED:
            pointer = f"/{reply.field}" if reply.field else ""
            raise InvalidError([FieldError(pointer, f"{reply.reason[:1].upper()}{reply.reason[1:]}.")])
        raise ScheduleUnavailableError(reply.reason)


class BusSamples:
    """Asks webhook-ingress and execution-recorder, and waits for a moment."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def explain(self, request: ExplainDelivery) -> DeliveryExplained:
        reply = await self._ask(request, subject=streams.EXPLAIN_DELIVERY, replies=EXPLAIN_REPLIES)
        if isinstance(reply, RequestFailed):
            raise SampleUnavailableError(reply.reason)
        return reply

    async def recorded(self, log_id: UUID, *, trigger_id: UUID, workspace: str) -> DeliverySample:
        request = GetDelivery(log_id=log_id, trigger_id=trigger_id, workspace=workspace)
        reply = await self._ask(request, subject=streams.GET_DELIVERY, replies=DELIVERY_REPLIES)
        if not isinstance(reply, RequestFailed):
            return reply.sample
        if reply.code in (FailureCode.NOT_FOUND, FailureCode.REFUSED):
            detail = f"{reply.reason[:1].upper()}{reply.reason[1:]}."
            raise InvalidError([FieldError("/webhookLogId", detail)])
        raise SampleUnavailableError(reply.reason)

    async def _ask(self, request: Message, *, subject: str, replies: Codec[R]) -> R:
        try:
            data = await send_request(
                self._bus, subject=subject, data=codec.encode(request), timeout=_SAMPLE_SECONDS
            )
            return replies.decode(data)
        except (BusUnavailableError, ContractError) as error:
            raise SampleUnavailableError(str(error)) from error
        except MessageTooLargeError as error:
            raise InvalidError(
                [FieldError("/delivery/body", "This is larger than the bus takes.")]
            ) from error


def _document(reply: BackfillPreviewed | BackfillStarted) -> BackfillDocument:
    runs = zip(reply.fire_times, reply.execution_ids, strict=True)
    return BackfillDocument(fires=[FireDocument(fire_time=at, execution_id=run) for at, run in runs])
