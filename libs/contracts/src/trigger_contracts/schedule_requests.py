"""What trigger-api asks scheduler-sync over the bus: a request, and its one answer."""

from enum import StrEnum
from typing import Final
from uuid import UUID

from trigger_contracts.codec import Codec, Message
from trigger_contracts.trigger_config import Time


class ScheduleStatus(StrEnum):
    """What a schedule does: ``finished`` is one that has no fire left, ``missing`` one that is not there."""

    RUNNING = "running"
    PAUSED = "paused"
    FINISHED = "finished"
    MISSING = "missing"


class DescribeSchedule(Message, tag="DescribeSchedule/1", frozen=True, kw_only=True):
    """What does Temporal have for this trigger? Answered by ``ScheduleDescribed`` or ``RequestFailed``."""

    trigger_id: UUID


class ScheduleDescribed(Message, tag="ScheduleDescribed/1", frozen=True, kw_only=True):
    """As Temporal says at this moment: at most ten times each way, ``recent`` oldest first."""

    trigger_id: UUID
    schedule_id: str
    status: ScheduleStatus
    next_fire_times: tuple[Time, ...] = ()
    recent_fire_times: tuple[Time, ...] = ()
    """Nominal times, not when the run began."""
    running_workflow_ids: tuple[str, ...] = ()


class RequestFailed(Message, tag="RequestFailed/1", frozen=True, kw_only=True):
    """The request could not be answered now; ``reason`` names no internals."""

    reason: str


REQUESTS: Final[Codec[DescribeSchedule]] = Codec(DescribeSchedule)
ANSWERS: Final[Codec[ScheduleDescribed | RequestFailed]] = Codec(ScheduleDescribed, RequestFailed)
