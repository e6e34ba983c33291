"""Reading the log: one aggregate as a fold, as it was, or event by event."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg

from trigger_api.domain import trigger as triggers
from trigger_api.domain import workflow as workflows
from trigger_api.domain.recorded import Author, EventRef, Recorded
from trigger_api.domain.stored_events import TRIGGER_EVENTS, WORKFLOW_EVENTS, EventCodec
from trigger_api.domain.trigger import Trigger, TriggerEvent
from trigger_api.domain.workflow import Workflow, WorkflowEvent
from trigger_runtime.postgres import Connection, Database

_COLUMNS: Final = (
    "version, type, schema_version, data, actor, request_id, occurred_at, cause_stream, cause_version"
)
# The aggregate is asked for as well: a caller may give a workflow's id where a trigger's is meant.
_STREAM: Final = f"""
SELECT {_COLUMNS} FROM trigger_api.trigger_events WHERE stream_id = $1 AND aggregate = $2 ORDER BY version
"""  # noqa: S608
# The first condition keeps strangers out: a stream belongs to the workspace that its events name.
_HISTORY: Final = f"""
SELECT {_COLUMNS} FROM trigger_api.trigger_events
WHERE workspace = $1 AND stream_id = $2 AND aggregate = $3 ORDER BY version
"""  # noqa: S608


async def read_trigger(connection: Connection, *, trigger_id: UUID) -> Trigger | None:
    """Return the fold of a trigger's events."""
    rows = await connection.fetch(_STREAM, trigger_id, "trigger")
    return triggers.fold([recorded(row, events=TRIGGER_EVENTS) for row in rows])


async def read_workflow(connection: Connection, *, workflow_id: UUID) -> Workflow | None:
    """Return the fold of a workflow's events."""
    rows = await connection.fetch(_STREAM, workflow_id, "workflow")
    return workflows.fold([recorded(row, events=WORKFLOW_EVENTS) for row in rows])


def recorded(row: asyncpg.Record, *, events: EventCodec[Any]) -> Recorded[Any]:
    """Return a row of the log as an event. Raises ``UnreadableEventError``."""
    cause = row["cause_stream"]
    occurred: datetime = row["occurred_at"]
    return Recorded(
        event=events.decode(row["type"], schema_version=row["schema_version"], data=row["data"]),
        version=row["version"],
        at=occurred,
        author=Author(actor=row["actor"], request_id=row["request_id"]),
        cause=EventRef(cause, row["cause_version"]) if cause else None,
    )


class PostgresHistory:
    """The log of one workspace at a time, deleted aggregates included."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of_trigger(self, trigger_id: UUID, *, workspace: str) -> list[Recorded[TriggerEvent]]:
        """Return a trigger's events in their order; none where the workspace has no such trigger."""
        return await self._read(trigger_id, workspace=workspace, aggregate="trigger", events=TRIGGER_EVENTS)

    async def of_workflow(self, workflow_id: UUID, *, workspace: str) -> list[Recorded[WorkflowEvent]]:
        """Return a workflow's events in their order; none where the workspace has no such workflow."""
        return await self._read(
            workflow_id, workspace=workspace, aggregate="workflow", events=WORKFLOW_EVENTS
        )

    async def _read(
        self, stream_id: UUID, *, workspace: str, aggregate: str, events: EventCodec[Any]
    ) -> list[Recorded[Any]]:
        async with self._database.connection() as connection:
            rows = await connection.fetch(_HISTORY, workspace, stream_id, aggregate)
        return [recorded(row, events=events) for row in rows]
