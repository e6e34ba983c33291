"""What Temporal's schedule of a trigger shall be."""

import hashlib
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import msgspec

from trigger_contracts.config import OverlapPolicy, ScheduleConfig, TriggerState, trigger_type_of
from trigger_contracts.schedules import schedule_id
from trigger_contracts.workflow_io import ScheduledRun, TriggeredInput
from trigger_cron import Calendar, compile_calendars, parse

_NOTE_PREFIX: Final = "Kept equal to its trigger by scheduler-sync; changes here are undone. Fingerprint "


class DesiredSchedule(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Everything that is compared, and nothing else: equal values need no write.

    What came after the first release has a default and stands at the end. Defaults are left out of the
    fingerprint, so that the schedules of triggers without the option keep theirs: otherwise each release
    with a new option would write every schedule anew.
    """

    schedule_id: str
    trigger_id: UUID
    calendars: tuple[Calendar, ...]
    timezone: str
    overlap: OverlapPolicy
    catchup_window_seconds: int
    paused: bool
    input: TriggeredInput
    jitter_seconds: int = 0
    start_at: datetime | None = None
    """UTC, and so is ``end_at``."""
    end_at: datetime | None = None

    def is_over(self, now: datetime) -> bool:
        """Tell whether the end has passed. A fire at the very end is still one (Temporal's rule)."""
        return self.end_at is not None and now > self.end_at

    @property
    def note(self) -> str:
        """The text that the schedule carries. It holds the fingerprint, and tells a person who owns it.

        Temporal cannot give back the specification as it was sent, and an update cannot change a
        schedule's memo, so the fingerprint stands in the note, which the listing shows.
        """
        return _NOTE_PREFIX + hashlib.sha256(msgspec.json.encode(self)).hexdigest()[:32]


def desired_schedule(trigger: TriggerState) -> DesiredSchedule | None:
    """Return the schedule of a trigger; ``None`` where there shall be none.

    Raises ``trigger_cron.CronError`` for an expression that a newer trigger-api accepts and this
    version cannot compile.
    """
    config = trigger.config
    if trigger.deleted_at is not None or not isinstance(config, ScheduleConfig):
        return None
    return DesiredSchedule(
        schedule_id=schedule_id(trigger.id),
        trigger_id=trigger.id,
        calendars=compile_calendars(parse(config.cron_expression)),
        timezone=config.timezone,
        overlap=config.overlap_policy,
        catchup_window_seconds=config.catchup_window_seconds,
        paused=not trigger.enabled,
        input=TriggeredInput(
            workspace=trigger.workspace,
            trigger_id=trigger.id,
            trigger_type=trigger_type_of(config),
            trigger_name=trigger.name,
            workflow_id=trigger.workflow_id,
            scheduled=ScheduledRun(input=config.input),
        ),
        jitter_seconds=config.jitter_seconds,
        start_at=_utc(config.start_at),
        end_at=_utc(config.end_at),
    )


def _utc(moment: datetime | None) -> datetime | None:
    """Return a moment in UTC: however it is written, the fingerprint is the same.

    One that UTC has no year for (the last evening of the year 9999 in New York) is the last, or the first,
    that it has.
    """
    if moment is None:
        return None
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC) if moment.year > 1 else datetime.min.replace(tzinfo=UTC)
