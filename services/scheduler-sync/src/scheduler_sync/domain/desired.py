"""What Temporal's schedule of a trigger shall be."""

import hashlib
from datetime import UTC, date, datetime
from typing import Final, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfoNotFoundError

import msgspec

from scheduler_sync.domain.plan import NOTE_PREFIX, Target
from trigger_contracts.config import DstPolicy, OverlapPolicy, ScheduleConfig, TriggerState, trigger_type_of
from trigger_contracts.schedules import schedule_id
from trigger_contracts.workflow_io import ScheduledRun, TriggeredInput
from trigger_cron import Calendar, CronError, Timetable, TimetableError, compile_timetable, parse
from trigger_cron import DstPolicy as CompiledPolicy

_POLICY: Final = {
    DstPolicy.LITERAL: CompiledPolicy.LITERAL,
    DstPolicy.SHIFT: CompiledPolicy.SHIFT,
}


UNKNOWN_ZONE: Final = (ZoneInfoNotFoundError, ValueError, OSError)
"""What ``zoneinfo`` raises for a name that is none; for that of a folder of zones (``Europe``) an OSError."""


class UncompilableError(Exception):
    """The configuration is valid to trigger-api and yet no schedule; the text tells its owner why."""


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
    excluded: tuple[Calendar, ...] = ()

    @property
    def fingerprint(self) -> str:
        """Return 32 hexadecimal digits that are the same for equal values, in this release and later ones."""
        told = msgspec.to_builtins(self)
        for calendar in told["calendars"]:
            if not calendar["year"]:
                # The field is younger than the first release, and a dataclass is encoded with its defaults.
                del calendar["year"]
        return hashlib.sha256(msgspec.json.encode(told)).hexdigest()[:32]

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
    """Return the schedule of a trigger; ``None`` where there shall be none.

    Raises ``UncompilableError``, among others for an expression that a newer trigger-api accepts and this
    version cannot compile.
    """
    config = trigger.config
    if trigger.deleted_at is not None or not isinstance(config, ScheduleConfig):
        return None
    timetable = _timetable(config)
    return DesiredSchedule(
        schedule_id=schedule_id(trigger.id),
        trigger_id=trigger.id,
        calendars=timetable.calendars,
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
        excluded=timetable.excluded,
    )


def is_worked_out(trigger: TriggerState) -> bool:
    """Tell whether ``desired_schedule`` is done within a moment: it is simple, or has been done before.

    With the policy ``shift`` it takes up to two seconds, also to be refused, and with excluded dates it can
    take some tenths.
    """
    config = trigger.config
    if not isinstance(config, ScheduleConfig):
        return True
    is_simple = config.dst_policy is DstPolicy.LITERAL and not config.excluded_dates
    return is_simple or _times_of(config) in _worked_out


def _timetable(config: ScheduleConfig) -> Timetable:
    times = _times_of(config)
    if (found := _worked_out.pop(times, None)) is None:
        found = _compiled(times)
    # Last in, and so the last to be forgotten.
    _worked_out[times] = found
    while len(_worked_out) > _KEPT:
        _worked_out.pop(next(iter(_worked_out)), None)
    if isinstance(found, str):
        raise UncompilableError(found)
    return found


class _Times(NamedTuple):
    """What a timetable depends on; many triggers have the same."""

    expressions: tuple[str, ...]
    timezone: str
    excluded_dates: tuple[date, ...]
    dst_policy: DstPolicy


_worked_out: Final[dict[_Times, Timetable | str]] = {}
"""Timetables, or why there is none. Unlike ``lru_cache`` it can be asked what it has."""
_KEPT: Final = 1024


def _times_of(config: ScheduleConfig) -> _Times:
    return _Times(
        expressions=(config.cron_expression, *config.additional_expressions),
        timezone=config.timezone,
        excluded_dates=config.excluded_dates,
        dst_policy=config.dst_policy,
    )


def _compiled(times: _Times) -> Timetable | str:
    try:
        return compile_timetable(
            [parse(expression) for expression in times.expressions],
            zone=times.timezone,
            excluded_dates=times.excluded_dates,
            dst_policy=_POLICY[times.dst_policy],
        )
    except (CronError, TimetableError) as error:
        return str(error)
    except UNKNOWN_ZONE:
        return f"unknown time zone {times.timezone[:64]!r}"


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
