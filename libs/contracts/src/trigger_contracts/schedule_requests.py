"""What trigger-api asks scheduler-sync over the bus: a request, and its one reply.

Each request has its subject and its codec. The reply to any of them can be ``RequestFailed``.
"""

from enum import StrEnum
from typing import Final
from uuid import UUID

from trigger_contracts.codec import Codec, Message, Part
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
    """Whether the same request can succeed later."""

    UNAVAILABLE = "unavailable"
    """It cannot be done now; it may be possible later."""
    UNKNOWN_REQUEST = "unknownRequest"
    """The release that replies does not know the request."""
    NOT_FOUND = "notFound"
    """There is no such schedule trigger, or it is not in Temporal."""
    REFUSED = "refused"
    """The request itself is refused; ``reason`` says why."""


class DescribeSchedule(Message, tag="DescribeSchedule/1", frozen=True, kw_only=True):
    """Asks what Temporal has for this trigger. The reply is ``ScheduleDescribed``."""

    trigger_id: UUID


class DroppedFires(Part, frozen=True, kw_only=True):
    """How many fires Temporal dropped since the schedule was created: no run was started for them."""

    missed_catchup_window: int = 0
    """Temporal was away for longer than the catch-up window."""
    skipped_overlap: int = 0
    """Another run still went, and the overlap policy let no more wait."""
    buffer_full: int = 0
    """Over 1,000 fires waited already."""


class ScheduleDescribed(Message, tag="ScheduleDescribed/1", frozen=True, kw_only=True):
    """What Temporal has at this moment: at most ten times each way, ``recent`` oldest first."""

    trigger_id: UUID
    schedule_id: str
    status: ScheduleStatus
    next_fire_times: tuple[Time, ...] = ()
    recent_fire_times: tuple[Time, ...] = ()
    """Nominal times, not when the run began."""
    running_workflow_ids: tuple[str, ...] = ()
    dropped_fires: DroppedFires | None = None
    """``None`` where the release that replies does not know, and of a missing schedule."""


class RunSchedule(Message, tag="RunSchedule/1", frozen=True, kw_only=True):
    """Run it now, also while it is paused or another run is active. The reply is ``ScheduleRunStarted``.

    The caller makes the execution id: a request whose reply was lost can be repeated, and runs once.
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
    """Asks what a backfill from ``start_at`` to ``end_at``, both included, would run.

    The reply is ``BackfillPreviewed``. It is refused where the backfill would be refused.
    """

    trigger_id: UUID
    start_at: Time
    end_at: Time


class BackfillPreviewed(Message, tag="BackfillPreviewed/1", frozen=True, kw_only=True):
    """The nominal times, increasing, and the execution that each has if the schedule has run it."""

    trigger_id: UUID
    fire_times: tuple[Time, ...]
    execution_ids: tuple[UUID, ...]


class BackfillSchedule(Message, tag="BackfillSchedule/1", frozen=True, kw_only=True):
    """Run now what would have fired from ``start_at`` to ``end_at``, both included.

    The reply is ``BackfillStarted``. It is refused where the number of fires is not ``expected_fires``, which
    a preview showed. Each run has an execution id of its own (``ids.backfill_execution_id``), also where the
    time ran before; without a ``request_id`` it has the fire's.
    """

    trigger_id: UUID
    start_at: Time
    end_at: Time
    overlap_policy: OverlapPolicy
    """Between the runs of the backfill; the schedule's own does not count."""
    expected_fires: int
    request_id: UUID | None = None
    """Temporal acts once on requests with the same id, so that a lost reply can be asked for again.

    It remembers the id until the schedule's own workflow continues as new, after some hundreds of fires.
    """


class BackfillStarted(Message, tag="BackfillStarted/1", frozen=True, kw_only=True):
    """Temporal has accepted it and runs these executions, as far as the overlap policy allows."""

    trigger_id: UUID
    fire_times: tuple[Time, ...]
    execution_ids: tuple[UUID, ...]


class RequestFailed(Message, tag="RequestFailed/1", frozen=True, kw_only=True):
    """The request was not carried out; ``reason`` names no internals."""

    reason: str
    code: FailureCode = FailureCode.UNAVAILABLE
    field: str = ""
    """The field of the request that is wrong, in camelCase; empty where it is not one field."""


# One of each for each subject, so that a reply has the type that its request asks for.
DESCRIBE_REQUESTS: Final[Codec[DescribeSchedule]] = Codec(DescribeSchedule)
DESCRIBE_REPLIES: Final[Codec[ScheduleDescribed | RequestFailed]] = Codec(ScheduleDescribed, RequestFailed)
RUN_REQUESTS: Final[Codec[RunSchedule]] = Codec(RunSchedule)
RUN_REPLIES: Final[Codec[ScheduleRunStarted | RequestFailed]] = Codec(ScheduleRunStarted, RequestFailed)
PREVIEW_REQUESTS: Final[Codec[PreviewBackfill]] = Codec(PreviewBackfill)
PREVIEW_REPLIES: Final[Codec[BackfillPreviewed | RequestFailed]] = Codec(BackfillPreviewed, RequestFailed)
BACKFILL_REQUESTS: Final[Codec[BackfillSchedule]] = Codec(BackfillSchedule)
BACKFILL_REPLIES: Final[Codec[BackfillStarted | RequestFailed]] = Codec(BackfillStarted, RequestFailed)

AnyScheduleRequest = DescribeSchedule | RunSchedule | PreviewBackfill | BackfillSchedule
AnyScheduleReply = (
    ScheduleDescribed | ScheduleRunStarted | BackfillPreviewed | BackfillStarted | RequestFailed
)
EVERY_REQUEST: Final[Codec[AnyScheduleRequest]] = Codec(
    DescribeSchedule, RunSchedule, PreviewBackfill, BackfillSchedule
)
EVERY_REPLY: Final[Codec[AnyScheduleReply]] = Codec(
    ScheduleDescribed, ScheduleRunStarted, BackfillPreviewed, BackfillStarted, RequestFailed
)
