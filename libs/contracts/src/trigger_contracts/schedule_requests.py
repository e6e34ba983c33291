"""What trigger-api asks scheduler-sync over the bus: a request, and its one answer.

Each request has its subject and its codec. The answer to any of them can be ``RequestFailed``.
"""

from enum import StrEnum
from typing import Final
from uuid import UUID

from trigger_contracts.codec import Codec, Message
from trigger_contracts.config import OverlapPolicy
from trigger_contracts.trigger_config import Time

MAX_BACKFILL_FIRES: Final = 500
"""Of one backfill. Temporal buffers at most 1,000 fires of a schedule, and drops the others silently."""

MAX_BACKFILL_DAYS: Final = 366
"""From the start to the end of one backfill."""


class ScheduleStatus(StrEnum):
    """What a schedule does: ``finished`` is one that has no fire left, ``missing`` one that is not there."""

    RUNNING = "running"
    PAUSED = "paused"
    FINISHED = "finished"
    MISSING = "missing"


class FailureCode(StrEnum):
    """Whether asking again can help."""

    UNAVAILABLE = "unavailable"
    """Now it cannot be done; later it may."""
    UNKNOWN_REQUEST = "unknownRequest"
    """No request that the answering release knows."""
    NOT_FOUND = "notFound"
    """There is no such schedule trigger, or it is not in Temporal."""
    REFUSED = "refused"
    """It will not be done as it was asked for; ``reason`` says what about it."""


class DescribeSchedule(Message, tag="DescribeSchedule/1", frozen=True, kw_only=True):
    """What does Temporal have for this trigger? Answered by ``ScheduleDescribed``."""

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


class RunSchedule(Message, tag="RunSchedule/1", frozen=True, kw_only=True):
    """Run it now, also while it is paused or another run goes on. Answered by ``ScheduleRunStarted``.

    Whoever asks makes the execution id, so that a request whose answer was lost can be repeated and runs
    once.
    """

    trigger_id: UUID
    execution_id: UUID
    requested_at: Time
    request_id: str
    """Of the HTTP request behind it: the execution's cause."""


class ScheduleRunStarted(Message, tag="ScheduleRunStarted/1", frozen=True, kw_only=True):
    """Temporal has the run, from this request or an earlier one with the same execution id."""

    trigger_id: UUID
    execution_id: UUID
    workflow_id: str
    """In Temporal."""


class PreviewBackfill(Message, tag="PreviewBackfill/1", frozen=True, kw_only=True):
    """What would a backfill from ``start_at`` to ``end_at``, both included, run?

    Answered by ``BackfillPreviewed``, and refused where a backfill would be.
    """

    trigger_id: UUID
    start_at: Time
    end_at: Time


class BackfillPreviewed(Message, tag="BackfillPreviewed/1", frozen=True, kw_only=True):
    """The nominal times, increasing, and the execution each would have."""

    trigger_id: UUID
    fire_times: tuple[Time, ...]
    execution_ids: tuple[UUID, ...]


class BackfillSchedule(Message, tag="BackfillSchedule/1", frozen=True, kw_only=True):
    """Run now what would have fired from ``start_at`` to ``end_at``, both included.

    Answered by ``BackfillStarted``. It is not done where it would be other fires than ``expected_fires``,
    the number that a preview showed. A time that ran before runs again, under the same execution id.
    """

    trigger_id: UUID
    start_at: Time
    end_at: Time
    overlap_policy: OverlapPolicy
    """Between the runs of the backfill; the schedule's own does not count."""
    expected_fires: int
    request_id: UUID | None = None
    """Temporal does what it is asked for with the same id once, so that a lost answer can be asked for again.

    It remembers for as long as the schedule's own workflow runs on, which are some hundreds of fires.
    """


class BackfillStarted(Message, tag="BackfillStarted/1", frozen=True, kw_only=True):
    """Temporal has taken it and runs these, as far as the overlap policy lets it."""

    trigger_id: UUID
    fire_times: tuple[Time, ...]
    execution_ids: tuple[UUID, ...]


class RequestFailed(Message, tag="RequestFailed/1", frozen=True, kw_only=True):
    """The request was not answered as asked; ``reason`` names no internals."""

    reason: str
    code: FailureCode = FailureCode.UNAVAILABLE
    field: str = ""
    """The request's field that is to blame, in camelCase; empty where it is none, or all of them."""


# One of each for each subject, so that whoever asks gets the type that he asked for.
REQUESTS: Final[Codec[DescribeSchedule]] = Codec(DescribeSchedule)
ANSWERS: Final[Codec[ScheduleDescribed | RequestFailed]] = Codec(ScheduleDescribed, RequestFailed)
RUN_REQUESTS: Final[Codec[RunSchedule]] = Codec(RunSchedule)
RUN_ANSWERS: Final[Codec[ScheduleRunStarted | RequestFailed]] = Codec(ScheduleRunStarted, RequestFailed)
PREVIEW_REQUESTS: Final[Codec[PreviewBackfill]] = Codec(PreviewBackfill)
PREVIEW_ANSWERS: Final[Codec[BackfillPreviewed | RequestFailed]] = Codec(BackfillPreviewed, RequestFailed)
BACKFILL_REQUESTS: Final[Codec[BackfillSchedule]] = Codec(BackfillSchedule)
BACKFILL_ANSWERS: Final[Codec[BackfillStarted | RequestFailed]] = Codec(BackfillStarted, RequestFailed)

AnyScheduleRequest = DescribeSchedule | RunSchedule | PreviewBackfill | BackfillSchedule
AnyScheduleAnswer = (
    ScheduleDescribed | ScheduleRunStarted | BackfillPreviewed | BackfillStarted | RequestFailed
)
EVERY_REQUEST: Final[Codec[AnyScheduleRequest]] = Codec(
    DescribeSchedule, RunSchedule, PreviewBackfill, BackfillSchedule
)
EVERY_ANSWER: Final[Codec[AnyScheduleAnswer]] = Codec(
    ScheduleDescribed, ScheduleRunStarted, BackfillPreviewed, BackfillStarted, RequestFailed
)
