"""What the API shows: the projections, joined with what the bus says of a trigger."""

import re
from typing import Final
from uuid import UUID

import asyncpg
import msgspec

from trigger_api.read_model import (
    Activity,
    FailedCondition,
    Page,
    RunnableTrigger,
    TriggerFilter,
    TriggerView,
    WorkflowDocument,
)
from trigger_contracts.config import AnyTriggerConfig
from trigger_contracts.definition import WorkflowDefinition
from trigger_runtime.postgres import Database
from trigger_runtime.postgres_pages import KeysetPage

_config: Final = msgspec.json.Decoder(AnyTriggerConfig)
_definition: Final = msgspec.json.Decoder(WorkflowDefinition)

_PAGE_BYTES: Final = 8 * 1024 * 1024
"""A page of definitions, each of which may have a megabyte, holds no more than these."""

_TRIGGER: Final = """
SELECT t.id, t.workflow_id, t.name, t.enabled, t.config, t.version, t.created_at, t.updated_at,
       t.previous_secret_id AS older_id, t.previous_secret_valid_until AS older_until,
       coalesce(a.trigger_count, 0) AS trigger_count, a.last_triggered_at,
       coalesce(a.next_fire_times, '{}') AS next_fire_times, a.schedule_version, a.schedule_error,
       a.previous_secret_id, a.previous_secret_used_at,
       a.condition_version, a.condition_sha256, a.condition_failures, a.condition_failed_at,
       a.condition_detail
FROM trigger_api.workflow_triggers AS t LEFT JOIN trigger_api.trigger_activity AS a ON a.trigger_id = t.id
WHERE t.workspace = $1 AND t.deleted_at IS NULL
"""

_ACTIVITY: Final = """
SELECT trigger_count, last_triggered_at, next_fire_times, schedule_version, schedule_error,
       previous_secret_id, previous_secret_used_at,
       condition_version, condition_sha256, condition_failures, condition_failed_at, condition_detail
FROM trigger_api.trigger_activity WHERE trigger_id = $1
"""

_RUNNABLE: Final = """
SELECT t.id, t.name, t.enabled, t.config, t.version, t.workflow_id, w.version AS workflow_version
FROM trigger_api.workflow_triggers AS t JOIN trigger_api.workflows AS w ON w.id = t.workflow_id
WHERE t.workspace = $1 AND t.id = $2 AND t.deleted_at IS NULL
"""

_WORKFLOW: Final = """
SELECT id, name, definition, version, created_at, updated_at
FROM trigger_api.workflows WHERE workspace = $1 AND deleted_at IS NULL
"""


class PostgresReadModel:
    """Reads one workspace at a time."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def trigger(self, trigger_id: UUID, *, workspace: str) -> TriggerView | None:
        """Return a trigger, ``None`` where the workspace has no such one."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(f"{_TRIGGER} AND t.id = $2", workspace, trigger_id)
        return _trigger_view(row) if row else None

    async def runnable(self, trigger_id: UUID, *, workspace: str) -> RunnableTrigger | None:
        """Return a trigger and the version of its workflow, ``None`` where there is no such one."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_RUNNABLE, workspace, trigger_id)
        return RunnableTrigger(**{**dict(row), "config": _config.decode(row["config"])}) if row else None

    async def activity(self, trigger_id: UUID) -> Activity:
        """Return what the bus says of a trigger; nothing yet, where it says nothing."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_ACTIVITY, trigger_id)
        return _activity(row) if row else Activity()

    async def triggers(
        self, *, workspace: str, where: TriggerFilter, before: UUID | None, limit: int
    ) -> Page[TriggerView]:
        """Return triggers, newest first: ids are UUIDv7, and so in the order of creation."""
        page = KeysetPage(_TRIGGER, workspace, key="t.id")
        page.where("t.workflow_id = {}", where.workflow_id)
        page.where("t.trigger_type = {}", where.trigger_type)
        if where.enabled is not None:
            page.where("t.enabled" if where.enabled else "NOT t.enabled")
        page.where("t.name ILIKE {}", _containing(where.name))
        page.after(before)
        async with self._database.connection() as connection:
            rows, more = await page.fetch(connection, limit=limit)
        views = [_trigger_view(row) for row in rows]
        return Page(items=tuple(views), last=views[-1].id if more else None)

    async def workflow(self, workflow_id: UUID, *, workspace: str) -> WorkflowDocument | None:
        """Return a workflow, ``None`` where the workspace has no such one."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(f"{_WORKFLOW} AND id = $2", workspace, workflow_id)
        return _workflow_document(row) if row else None

    async def workflows(
        self, *, workspace: str, name: str | None, before: UUID | None, limit: int
    ) -> Page[WorkflowDocument]:
        """Return workflows, newest first."""
        page = KeysetPage(_WORKFLOW, workspace, key="id")
        page.where("name ILIKE {}", _containing(name))
        page.after(before)
        async with self._database.connection() as connection:
            rows, more = await page.fetch_bounded(
                connection, limit=limit, weight="definition", max_bytes=_PAGE_BYTES
            )
        views = [_workflow_document(row) for row in rows]
        return Page(items=tuple(views), last=views[-1].id if more else None)


def _containing(text: str | None) -> str | None:
    """Return the pattern for names that contain a text, whatever characters it holds."""
    if text is None:
        return None
    return "%" + re.sub(r"([%_\\])", r"\\\1", text) + "%"


def _trigger_view(row: asyncpg.Record) -> TriggerView:
    return TriggerView(
        id=row["id"],
        workflow_id=row["workflow_id"],
        name=row["name"],
        enabled=row["enabled"],
        config=_config.decode(row["config"]),
        version=row["version"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        previous_secret_id=row["older_id"],
        previous_secret_valid_until=row["older_until"],
        activity=_activity(row),
    )


def _activity(row: asyncpg.Record) -> Activity:
    return Activity(
        trigger_count=row["trigger_count"],
        last_triggered_at=row["last_triggered_at"],
        next_fire_times=tuple(row["next_fire_times"]),
        schedule_version=row["schedule_version"],
        schedule_error=row["schedule_error"],
        previous_secret_id=row["previous_secret_id"],
        previous_secret_used_at=row["previous_secret_used_at"],
        condition=_failed_condition(row),
    )


def _failed_condition(row: asyncpg.Record) -> FailedCondition | None:
    if row["condition_sha256"] is None:
        return None
    return FailedCondition(
        expression_sha256=row["condition_sha256"],
        failures=row["condition_failures"],
        last_failed_at=row["condition_failed_at"],
        detail=row["condition_detail"],
        trigger_version=row["condition_version"],
    )


def _workflow_document(row: asyncpg.Record) -> WorkflowDocument:
    shown = {name: row[name] for name in WorkflowDocument.__struct_fields__}
    return WorkflowDocument(**{**shown, "definition": _definition.decode(row["definition"])})
