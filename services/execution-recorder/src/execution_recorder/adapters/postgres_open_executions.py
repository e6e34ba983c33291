"""Executions without an end, each looked at from time to time."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from execution_recorder.domain.execution import Origin, TemporalRun
from execution_recorder.domain.open_execution import OpenExecution
from execution_recorder.ports import ValueRefusedError
from trigger_runtime.postgres import Database

_TABLE: Final = "execution_recorder.trigger_executions"
# A process that stops before it has looked leaves them to the next one.
_CLAIM: Final = f"""
UPDATE {_TABLE} SET next_look_at = now() + interval '30 seconds' WHERE id = ANY (ARRAY(
    SELECT id FROM {_TABLE} WHERE completed_at IS NULL AND next_look_at <= now()
    ORDER BY next_look_at LIMIT $1 FOR UPDATE SKIP LOCKED
))
RETURNING id, workspace, trigger_id, trigger_type, trigger_name, workflow_id, cause_kind, cause_id,
    accepted_at, temporal_workflow_id, temporal_run_id
"""  # noqa: S608 - constants
# The longer one goes on, the rarer: after half its age, at least each five minutes.
_POSTPONE: Final = f"""
UPDATE {_TABLE}
SET next_look_at =
    now() + LEAST(GREATEST((now() - accepted_at) / 2, interval '15 seconds'), interval '5 minutes')
WHERE id = ANY ($1::uuid[]) AND completed_at IS NULL
"""  # noqa: S608 - constants


class PostgresOpenExecutions:
    """Several processes share them, each looks at others. Raises ``DatabaseUnavailableError``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, *, limit: int) -> Sequence[OpenExecution]:
        """Return those that it is time to look at; no other process gets them for a while."""
        async with self._database.connection(refused=ValueRefusedError) as connection:
            rows = await connection.fetch(_CLAIM, limit)
        return [
            OpenExecution(
                id=row["id"],
                origin=Origin(
                    workspace=row["workspace"],
                    trigger_id=row["trigger_id"],
                    trigger_type=row["trigger_type"],
                    trigger_name=row["trigger_name"],
                    workflow_id=row["workflow_id"],
                    cause_kind=row["cause_kind"],
                    cause_id=row["cause_id"],
                    at=row["accepted_at"],
                ),
                temporal=None
                if row["temporal_workflow_id"] is None
                else TemporalRun(workflow_id=row["temporal_workflow_id"], run_id=row["temporal_run_id"]),
            )
            for row in rows
        ]

    async def postpone(self, execution_ids: Sequence[UUID]) -> None:
        """Look at these later, those that are old much later."""
        async with self._database.connection(refused=ValueRefusedError) as connection:
            await connection.execute(_POSTPONE, list(execution_ids))
