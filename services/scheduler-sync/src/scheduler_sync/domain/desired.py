"""The schedule that Temporal must have for a trigger."""

import hashlib
from datetime import UTC, datetime
from uuid import UUID

import msgspec

from scheduler_sync.domain.plan import NOTE_PREFIX, Target
from trigger_contracts.config import OverlapPolicy, ScheduleConfig, TriggerState, trigger_type_of
from trigger_contracts.schedules import schedule_id
from trigger_contracts.workflow_io import ScheduledRun, TriggeredInput, TriggeredRun
from trigger_cron import Calendar, CronError, TimetableError, UnknownZoneError, timetable_of


class UncompilableError(Exception):
    """trigger-api accepts the configuration, and it cannot be compiled; the text tells its owner why."""


class DesiredSchedule(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Everything that is compared, and nothing else: equal values need no write.

    What came after the first release has a default and stands at the end. Defaults are left out of the
    fingerprint, so that the schedules of triggers without the option keep theirs: otherwise each release
    with a new option would write every schedule again.
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
    excluded: tuple[Calendar, ...] = ()

    @property
    def fingerprint(self) -> str:
        """Return 32 hexadecimal digits that are the same for equal values, in this release and later ones."""
        fields = msgspec.to_builtins(self)
        for calendar in fields["calendars"]:
            if not calendar["year"]:
                # The field is younger than the first release, and a dataclass is encoded with its defaults.
                del calendar["year"]
        return hashlib.sha256(msgspec.json.encode(fields)).hexdigest()[:32]

    @property
    def note(self) -> str:
        """Return the text that the schedule carries: see ``Target.note``."""
        return NOTE_PREFIX + self.fingerprint

    @property
    def target(self) -> Target:
        """Return what a comparison needs."""
        toggled = msgspec.structs.replace(self, paused=not self.paused)
        return Target(
            schedule_id=self.schedule_id,
            fingerprint=self.fingerprint,
            toggled=toggled.fingerprint,
            paused=self.paused,
            end_at=self.end_at,
        )


def desired_schedule(trigger: TriggerState) -> DesiredSchedule | None:
    """Return the schedule of a trigger; ``None`` where it must not have one.

    Raises ``UncompilableError``, among others for an expression that a newer trigger-api accepts and this
    version cannot compile.
    """
    config = trigger.config
    if trigger.deleted_at is not None or not isinstance(config, ScheduleConfig):
        return None
    try:
        timetable = timetable_of(config)
    except (CronError, TimetableError, UnknownZoneError) as error:
        raise UncompilableError(str(error)) from error
    return DesiredSchedule(
        schedule_id=schedule_id(trigger.id),
        trigger_id=trigger.id,
        calendars=timetable.calendars,
        timezone=config.timezone,
        overlap=config.overlap_policy,
        catchup_window_seconds=config.catchup_window_seconds,
        paused=not trigger.enabled,
        input=triggered_input(trigger, scheduled=ScheduledRun(input=config.input)),
        jitter_seconds=config.jitter_seconds,
        start_at=_utc(config.start_at),
        end_at=_utc(config.end_at),
        excluded=timetable.excluded,
    )


def triggered_input(
    trigger: TriggerState, *, run: TriggeredRun | None = None, scheduled: ScheduledRun | None = None
) -> TriggeredInput:
    """Return the input of the trigger's workflow, for one run or for each run of its schedule."""
    return TriggeredInput(
        workspace=trigger.workspace,
        trigger_id=trigger.id,
        trigger_type=trigger_type_of(trigger.config),
        trigger_name=trigger.name,
        workflow_id=trigger.workflow_id,
        run=run,
        scheduled=scheduled,
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
