"""The rows of the projections, and how they are written: with each append, and when they are rebuilt."""

from typing import Final

import msgspec

from trigger_api.domain.trigger import Trigger
from trigger_api.domain.workflow import Workflow
from trigger_contracts.config import TriggerType
from trigger_contracts.schedules import schedule_id

TRIGGER_COLUMNS: Final = (
    "id",
    "workspace",
    "workflow_id",
    "name",
    "trigger_type",
    "config",
    "enabled",
    "version",
    "secret_id",
    "temporal_schedule_id",
    "created_at",
    "updated_at",
    "deleted_at",
    "previous_secret_id",
    "previous_secret_valid_until",
)
WORKFLOW_COLUMNS: Final = (
    "id",
    "workspace",
    "name",
    "definition",
    "version",
    "created_at",
    "updated_at",
    "deleted_at",
)
_NEVER_CHANGE: Final = frozenset({"id", "workspace", "workflow_id", "trigger_type", "created_at"})


def trigger_row(trigger: Trigger) -> tuple[object, ...]:
    """Return the values of ``TRIGGER_COLUMNS``."""
    in_force, previous = trigger.secret_in_force, trigger.previous_secret
    return (
        trigger.id,
        trigger.workspace,
        trigger.workflow_id,
        trigger.name,
        trigger.type.value,
        msgspec.json.encode(trigger.config).decode(),
        trigger.enabled,
        trigger.version,
        in_force.id if in_force else None,
        schedule_id(trigger.id) if trigger.type is TriggerType.SCHEDULE else None,
        trigger.created_at,
        trigger.updated_at,
        trigger.deleted_at,
        previous.id if previous else None,
        previous.valid_until if previous else None,
    )


def workflow_row(workflow: Workflow) -> tuple[object, ...]:
    """Return the values of ``WORKFLOW_COLUMNS``."""
    return (
        workflow.id,
        workflow.workspace,
        workflow.name,
        msgspec.json.encode(workflow.definition).decode(),
        workflow.version,
        workflow.created_at,
        workflow.updated_at,
        workflow.deleted_at,
    )


def trigger_upsert(*, first: int, after: str) -> str:
    """Return the statement that writes a row once ``after``, a part of the same statement, has happened.

    The parts of one statement have no order but what one reads of the other. ``first`` is the number of the
    first parameter.
    """
    return _upsert("workflow_triggers", columns=TRIGGER_COLUMNS, first=first, after=after)


def workflow_upsert(*, first: int, after: str) -> str:
    """Return the same for a workflow."""
    return _upsert("workflows", columns=WORKFLOW_COLUMNS, first=first, after=after)


def _upsert(table: str, *, columns: tuple[str, ...], first: int, after: str) -> str:
    values = ", ".join(f"${number}" for number in range(first, first + len(columns)))
    changes = ", ".join(f"{name} = EXCLUDED.{name}" for name in columns if name not in _NEVER_CHANGE)
    return (
        f"INSERT INTO trigger_api.{table} ({', '.join(columns)}) SELECT {values} FROM {after}"  # noqa: S608
        f" ON CONFLICT (id) DO UPDATE SET {changes}"
    )
