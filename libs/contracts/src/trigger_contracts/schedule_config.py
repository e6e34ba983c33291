"""The configuration of a schedule trigger."""

from datetime import date
from enum import StrEnum
from typing import Annotated, Any

from msgspec import Meta

from trigger_contracts.trigger_config import Time, TriggerConfig


class OverlapPolicy(StrEnum):
    """What happens when a schedule fires while its last run still goes (Temporal's policies)."""

    SKIP = "skip"
    BUFFER_ONE = "bufferOne"
    BUFFER_ALL = "bufferAll"
    CANCEL_OTHER = "cancelOther"
    TERMINATE_OTHER = "terminateOther"
    ALLOW_ALL = "allowAll"


class DstPolicy(StrEnum):
    """What becomes of local times that a change of the clock skips or repeats; see ``libs/cron``."""

    LITERAL = "literal"
    """What Temporal does: what is skipped does not fire, what is repeated may fire twice."""
    SHIFT = "shift"
    """What is skipped fires at the first moment after the gap, what is repeated fires once."""
    ONCE = "once"
    """What is skipped does not fire, what is repeated fires once: where no calendar can tell its two passes
    apart, right after the second one."""


CronExpression = Annotated[str, Meta(min_length=1, max_length=500, extra_json_schema={"format": "cron"})]


class ScheduleConfig(TriggerConfig, tag="schedule", frozen=True, kw_only=True):
    """Fires on a classical five-field cron expression, read in an IANA time zone."""

    cron_expression: CronExpression
    timezone: Annotated[
        str, Meta(min_length=1, max_length=64, extra_json_schema={"format": "iana-time-zone"})
    ] = "UTC"
    overlap_policy: OverlapPolicy = OverlapPolicy.BUFFER_ONE
    catchup_window_seconds: Annotated[int, Meta(ge=10, le=365 * 24 * 3600)] = 60
    jitter_seconds: Annotated[int, Meta(ge=0, le=24 * 3600)] = 0
    """Each fire is late by a random time of up to this."""
    start_at: Time | None = None
    """Nothing fires before it."""
    end_at: Time | None = None
    """Nothing fires after it."""
    input: Any = None
    additional_expressions: Annotated[tuple[CronExpression, ...], Meta(max_length=9)] = ()
    """Fires on these as well; a minute that several name fires once."""
    excluded_dates: Annotated[tuple[date, ...], Meta(max_length=366)] = ()
    """Dates of the time zone on which nothing fires."""
    dst_policy: DstPolicy = DstPolicy.LITERAL
