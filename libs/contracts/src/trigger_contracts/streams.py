"""Every subject, stream and durable consumer name is spelled here and nowhere else."""

import re
from enum import StrEnum
from typing import Final
from uuid import UUID

from trigger_contracts.codec import Part

_MIB: Final = 1024 * 1024
_DAY: Final = 24 * 3600


class WhenFull(StrEnum):
    """What a stream does with a new message when it has reached a limit."""

    REFUSE_NEW = "new"
    DROP_OLD = "old"


class Stream(Part, frozen=True, kw_only=True):
    """The settings that a stream is created with; operators may raise the limits afterwards."""

    name: str
    subjects: tuple[str, ...]
    when_full: WhenFull
    max_age_seconds: int = 0
    """0 keeps for ever."""
    max_bytes: int = -1
    """-1 is no limit."""
    max_per_subject: int = -1
    """-1 is no limit. At it, each subject does by itself what ``when_full`` says."""
    duplicate_window_seconds: int = 120


CONFIG: Final = Stream(
    name="CONFIG",
    subjects=("config.trigger.*", "config.workflow.*"),
    # The limit per subject must push out the older states: DROP_OLD is what makes it a "last few" stream.
    when_full=WhenFull.DROP_OLD,
    max_per_subject=4,
)
DELIVERIES: Final = Stream(
    name="DELIVERIES",
    subjects=("deliveries.accepted",),
    when_full=WhenFull.REFUSE_NEW,
    max_age_seconds=14 * _DAY,
    max_bytes=4096 * _MIB,
)
DELIVERY_BODIES: Final = "DELIVERY_BODIES"
"""The object store of bodies that no message should hold."""
# The stream of that object store, in JetStream's own spelling, so that `nats object` reads it. It keeps
# longer than DELIVERIES: raise both limits together, or messages outlive their bodies.
DELIVERY_BODIES_STREAM: Final = Stream(
    name=f"OBJ_{DELIVERY_BODIES}",
    subjects=(f"$O.{DELIVERY_BODIES}.C.>", f"$O.{DELIVERY_BODIES}.M.>"),
    when_full=WhenFull.REFUSE_NEW,
    max_age_seconds=15 * _DAY,
    max_bytes=2048 * _MIB,
)
# Apart from the accepted ones: a flood of refusals, which anybody can cause, must not fill their stream.
REJECTIONS: Final = Stream(
    name="REJECTIONS",
    subjects=("deliveries.rejected",),
    when_full=WhenFull.DROP_OLD,
    max_age_seconds=14 * _DAY,
    max_bytes=1024 * _MIB,
)
EVENTS: Final = Stream(
    name="EVENTS",
    subjects=("events.>",),
    when_full=WhenFull.REFUSE_NEW,
    max_age_seconds=7 * _DAY,
    max_bytes=4096 * _MIB,
)
FIRINGS: Final = Stream(
    name="FIRINGS",
    subjects=("firings.manual", "firings.replay"),
    when_full=WhenFull.REFUSE_NEW,
    max_age_seconds=14 * _DAY,
    max_bytes=1024 * _MIB,
)
EXECUTIONS: Final = Stream(
    name="EXECUTIONS",
    subjects=("executions.*",),
    when_full=WhenFull.REFUSE_NEW,
    max_age_seconds=14 * _DAY,
    max_bytes=4096 * _MIB,
)
SCHEDULES: Final = Stream(
    name="SCHEDULES",
    subjects=("schedules.*",),
    when_full=WhenFull.DROP_OLD,
    max_per_subject=1,
)
# Written by webhook-ingress now and then, not with each request: senders that still sign with an old secret.
SECRETS: Final = Stream(
    name="SECRETS",
    subjects=("secrets.*",),
    when_full=WhenFull.DROP_OLD,
    max_per_subject=1,
)
# Written now and then, not with each failure: trigger-api adds them up.
CONDITIONS: Final = Stream(
    name="CONDITIONS",
    subjects=("conditions.*",),
    when_full=WhenFull.DROP_OLD,
    max_per_subject=1,
)
# As long as people look back. A run that no longer finds its request has the execution of the fire itself.
BACKFILLS: Final = Stream(
    name="BACKFILLS",
    subjects=("backfills.*", "backfill-runs.*"),
    when_full=WhenFull.REFUSE_NEW,
    max_age_seconds=90 * _DAY,
    max_bytes=1024 * _MIB,
)
# Apart from the dead letters: anyone who may publish events can fill it.
REFUSED_EVENTS: Final = Stream(
    name="REFUSED_EVENTS",
    subjects=("refused.events",),
    when_full=WhenFull.DROP_OLD,
    max_age_seconds=14 * _DAY,
    max_bytes=128 * _MIB,
)
# References of some bytes to messages that only a newer release reads.
PARKED: Final = Stream(
    name="PARKED",
    subjects=("parked.>",),
    when_full=WhenFull.REFUSE_NEW,
    max_age_seconds=90 * _DAY,
    max_bytes=1024 * _MIB,
)
DEAD_LETTERS: Final = Stream(
    name="DEAD_LETTERS",
    subjects=("dead.>",),
    when_full=WhenFull.REFUSE_NEW,
    # The share of each durable: one that gives up on everything must leave room for the letters of others.
    max_per_subject=20_000,
    max_age_seconds=90 * _DAY,
    max_bytes=1024 * _MIB,
)
ALL: Final = (
    CONFIG,
    DELIVERIES,
    DELIVERY_BODIES_STREAM,
    REJECTIONS,
    EVENTS,
    FIRINGS,
    EXECUTIONS,
    SCHEDULES,
    SECRETS,
    BACKFILLS,
    CONDITIONS,
    REFUSED_EVENTS,
    PARKED,
    DEAD_LETTERS,
)

DELIVERIES_ACCEPTED: Final = "deliveries.accepted"
DELIVERIES_REJECTED: Final = "deliveries.rejected"
FIRINGS_MANUAL: Final = "firings.manual"
CONFIG_TRIGGERS: Final = "config.trigger.*"
EVENTS_ALL: Final = "events.>"
EVENTS_PREFIX: Final = "events."
EVENTS_REFUSED: Final = "refused.events"

# Requests over the bus that are answered at once (NATS request-reply, no stream).
DESCRIBE_SCHEDULE: Final = "rpc.scheduler-sync.describe"
RUN_SCHEDULE: Final = "rpc.scheduler-sync.run"
PREVIEW_BACKFILL: Final = "rpc.scheduler-sync.preview-backfill"
BACKFILL_SCHEDULE: Final = "rpc.scheduler-sync.backfill"
EXPLAIN_DELIVERY: Final = "rpc.webhook-ingress.explain"
GET_DELIVERY: Final = "rpc.execution-recorder.delivery"
DESCRIBE_RUNS: Final = "rpc.orchestrator-worker.describe"

# Key-value buckets: one key for each thing that one replica of a service does for all.
SCHEDULER_LEASES: Final = "scheduler-sync-leases"

# Durable consumers: <service>-<what it does with the stream>.
DISPATCH_DELIVERIES: Final = "orchestrator-worker-deliveries"
DISPATCH_EVENTS: Final = "orchestrator-worker-events"
DISPATCH_FIRINGS: Final = "orchestrator-worker-firings"
RECORD_DELIVERIES: Final = "execution-recorder-deliveries"
RECORD_REJECTIONS: Final = "execution-recorder-rejections"
RECORD_FIRINGS: Final = "execution-recorder-firings"
RECORD_EXECUTIONS: Final = "execution-recorder-executions"
SYNC_SCHEDULES: Final = "scheduler-sync-triggers"

_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
# Blanks and control characters end a subject on the wire, * and > are wildcards, dots part its tokens.
_EVENT_TYPE: Final = re.compile(r"[^\s.*>\x00-\x1f\x7f]+(\.[^\s.*>\x00-\x1f\x7f]+)*")
_LONGEST_EVENT_TYPE: Final = 500


def config_trigger(trigger_id: UUID) -> str:
    """Return the subject of a trigger's states."""
    return f"config.trigger.{trigger_id}"


def config_workflow(workflow_id: UUID) -> str:
    """Return the subject of a workflow's states."""
    return f"config.workflow.{workflow_id}"


def schedule(trigger_id: UUID) -> str:
    """Return the subject of what is known of a trigger's schedule: the last fact is kept."""
    return f"schedules.{trigger_id}"


def secret(trigger_id: UUID) -> str:
    """Return the subject of what is known of the use of a trigger's older secrets: the last fact is kept."""
    return f"secrets.{trigger_id}"


def condition(trigger_id: UUID) -> str:
    """Return the subject of the failures of a trigger's condition: the last message is kept."""
    return f"conditions.{trigger_id}"


def backfill(trigger_id: UUID) -> str:
    """Return the subject of the backfills of a trigger."""
    return f"backfills.{trigger_id}"


def backfill_run(execution_id: UUID) -> str:
    """Return the subject that says which run of Temporal a backfill's execution is."""
    return f"backfill-runs.{execution_id}"


def execution(fact: str) -> str:
    """Return the subject of a lifecycle fact, for example ``executions.started``."""
    return f"executions.{_token(fact)}"


def is_event_type(text: str) -> bool:
    """Tell whether an event type can be a subject.

    Wildcards, empty tokens and long subjects are refused: the server stores literal wildcards, drops
    publishes with an empty token, and closes the connection on a subject over its line limit. All else that
    a subject may hold, a type may hold: real ones do (``com.example.repo:push``).
    """
    return len(text) <= _LONGEST_EVENT_TYPE and _EVENT_TYPE.fullmatch(text) is not None


def event(event_type: str) -> str:
    """Return the subject of an event type; ``ValueError`` when it cannot be one."""
    if not is_event_type(event_type):
        raise ValueError(f"not an event type: {event_type[:80]!r}")
    return f"{EVENTS_PREFIX}{event_type}"


def dead_letter(*, stream: str, durable: str) -> str:
    """Return the subject of what a durable consumer gave up on."""
    return f"dead.{_token(stream)}.{_token(durable)}"


def parked(*, stream: str, durable: str) -> str:
    """Return the subject of references to what a durable consumer of an older release cannot read."""
    return f"parked.{_token(stream)}.{_token(durable)}"


def _token(text: str) -> str:
    if not _TOKEN.fullmatch(text):
        raise ValueError(f"not a token of a subject: {text[:80]!r}")
    return text
