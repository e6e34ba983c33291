"""The table of events: the aggregates whose events it holds, how they are read, and how they are appended.

Appending is one statement, so that the lock, which all writers share, is held for one exchange and the
commit. Each part reads the one before it, which is what puts them in order: the lock, then the event and its
position, then the projection (whose row would otherwise be locked first, and two writers could wait for each
other). The notification is sent at the commit, once however often it is asked for.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any, Final
from uuid import UUID

import asyncpg

from trigger_api.domain.aggregate import Aggregate, Author, E, EventRef, Recorded, S, State, fold
from trigger_api.domain.trigger import TRIGGERS
from trigger_api.domain.workflow import WORKFLOWS

AGGREGATES: Final[tuple[Aggregate[Any, Any], ...]] = (WORKFLOWS, TRIGGERS)
"""Every aggregate, parents first: writers lock their rows in this order."""
BY_NAME: Final = {aggregate.name: aggregate for aggregate in AGGREGATES}

EVENT_COLUMNS: Final = (
    "version, type, schema_version, data, actor, request_id, occurred_at, cause_stream, cause_version"
)
# The aggregate is asked for as well: a caller may send a workflow's id where a trigger's is expected.
_STREAM: Final = f"""
SELECT {EVENT_COLUMNS} FROM trigger_api.trigger_events
WHERE stream_id = $1 AND aggregate = $2 ORDER BY version
"""  # noqa: S608
# The first condition keeps strangers out: a stream belongs to the workspace that its events name.
_HISTORY: Final = f"""
SELECT {EVENT_COLUMNS} FROM trigger_api.trigger_events
WHERE workspace = $3 AND stream_id = $1 AND aggregate = $2 ORDER BY version
"""  # noqa: S608


async def load(connection: Any, aggregate: Aggregate[S, E], stream_id: UUID) -> S | None:
    """Return the fold of a stream's events. Raises ``UnreadableEventError``."""
    rows = await connection.fetch(_STREAM, stream_id, aggregate.name)
    return fold(aggregate, recorded(rows, aggregate=aggregate))


async def history(
    connection: Any, aggregate: Aggregate[S, E], stream_id: UUID, *, workspace: str
) -> list[Recorded[E]]:
    """Return the events of a stream of one workspace. Raises ``UnreadableEventError``."""
    rows = await connection.fetch(_HISTORY, stream_id, aggregate.name, workspace)
    return recorded(rows, aggregate=aggregate)


def recorded(rows: Sequence[asyncpg.Record], *, aggregate: Aggregate[S, E]) -> list[Recorded[E]]:
    """Return rows of the log as events. Raises ``UnreadableEventError``."""
    return [
        Recorded(
            event=aggregate.events.decode(
                row["type"], schema_version=row["schema_version"], data=row["data"]
            ),
            version=row["version"],
            at=row["occurred_at"],
            author=Author(actor=row["actor"], request_id=row["request_id"]),
            cause=EventRef(row["cause_stream"], row["cause_version"]) if row["cause_stream"] else None,
        )
        for row in rows
    ]


OUTBOX_CHANNEL: Final = "trigger_api_outbox"

# Held from before a position is drawn until after the commit (PostgreSQL releases transaction locks
# once the transaction is visible), so that positions become visible in their order.
LOCK_THE_LOG: Final = "pg_advisory_xact_lock(hashtext('trigger_api.trigger_events'))"

_LOCK: Final = f"SELECT {LOCK_THE_LOG}, pg_notify('{OUTBOX_CHANNEL}', '')"
_LOCKED: Final = f"WITH locked AS MATERIALIZED ({_LOCK})"

_APPENDED: Final = """,
appended AS (
    INSERT INTO trigger_api.trigger_events
        (stream_id, aggregate, version, workspace, type, schema_version, data, actor, request_id, occurred_at,
         cause_stream, cause_version)
    SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12 FROM locked
    RETURNING position
),
queued AS (
    INSERT INTO trigger_api.outbox (position, subject, message) SELECT position, $13, $14 FROM appended
)
"""
_FIRST_COLUMN: Final = 15
"""The number of the first parameter that is a column of the projection."""
NOTHING_WRITTEN: Final = "INSERT 0 0"


@cache
def append_statement(aggregate: Aggregate[Any, Any]) -> str:
    """Return the statement that appends an event, queues its message and writes the projection."""
    return _LOCKED + _APPENDED + _upsert(aggregate)


@cache
def begin_statement(aggregate: Aggregate[Any, Any]) -> str:
    """Return the same for a first event; it writes nothing where the parent does not exist."""
    parent = aggregate.parent
    if parent is None:
        return append_statement(aggregate)
    # Rows before the log, here and everywhere: a transaction that holds the log waits for no row. A parent
    # that is being deleted has its row locked: then this waits, and reads the row once more. $4 is the
    # event's workspace.
    number = _FIRST_COLUMN + list(aggregate.columns).index(parent.column)
    live_and_locked = f"""
WITH live AS MATERIALIZED (
    SELECT id FROM trigger_api.{parent.aggregate.table}
    WHERE id = ${number} AND workspace = $4 AND deleted_at IS NULL
    FOR SHARE
),
locked AS MATERIALIZED ({_LOCK} FROM live)"""  # noqa: S608 - constants of ours
    return live_and_locked + _APPENDED + _upsert(aggregate)


def _upsert(aggregate: Aggregate[Any, Any]) -> str:
    columns = list(aggregate.columns)
    values = ", ".join(f"${number}" for number in range(_FIRST_COLUMN, _FIRST_COLUMN + len(columns)))
    changes = ", ".join(f"{name} = EXCLUDED.{name}" for name in columns if name != "id")
    return (
        f"INSERT INTO trigger_api.{aggregate.table} ({', '.join(columns)}) SELECT {values} FROM appended"  # noqa: S608
        f" ON CONFLICT (id) DO UPDATE SET {changes}"
    )


def append_values(
    aggregate: Aggregate[Any, Any], state: State, *, recorded: Recorded[Any], message: bytes
) -> tuple[object, ...]:
    """Return the parameters of both statements."""
    cause = recorded.cause
    return (
        state.id,
        aggregate.name,
        recorded.version,
        state.workspace,
        recorded.name,
        aggregate.events.schema_version(recorded.event),
        aggregate.events.encode(recorded.event),
        recorded.author.actor,
        recorded.author.request_id,
        recorded.at,
        cause.stream_id if cause else None,
        cause.version if cause else None,
        aggregate.subject(state.id),
        message,
        *row_of(aggregate, state),
    )


def row_of(aggregate: Aggregate[Any, Any], state: State) -> tuple[object, ...]:
    """Return a state's row in the projection, in the order of ``columns``."""
    return tuple(value_of(state) for value_of in aggregate.columns.values())
