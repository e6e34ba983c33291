"""Rebuilding the projections from the log, next to the live ones, and exchanging them.

The API serves meanwhile: reading the log takes no lock; what is appended during it is read afterwards, and
the exchange of the tables, with the comparison before it, takes a fraction of a second for 100,000 triggers.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final, TypeAlias
from uuid import UUID

import asyncpg
import structlog

from trigger_api.adapters.event_log import AGGREGATES, EVENT_COLUMNS, LOCK_THE_LOG, recorded, row_of
from trigger_api.domain.aggregate import Aggregate, fold

log = structlog.stdlib.get_logger(__name__)

DatabaseConnection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

_ROWS: Final = 1000
_TRIES: Final = 100
# Under PostgreSQL's deadlock timeout of a second: where a writer and the exchange wait for each other, the
# exchange is what gives way and tries again.
_LOCK_MILLISECONDS: Final = 400
_FRESH: Final = "rebuilt_"
_VIEW: Final = "trigger_api.triggers"

_LOG: Final = f"""
SELECT stream_id, {EVENT_COLUMNS} FROM trigger_api.trigger_events
WHERE aggregate = $1 AND position <= $2 ORDER BY stream_id, version
"""  # noqa: S608
_SINCE: Final = """
SELECT DISTINCT stream_id FROM trigger_api.trigger_events
WHERE aggregate = $1 AND position > $2 AND position <= $3
"""
_STREAMS: Final = f"""
SELECT stream_id, {EVENT_COLUMNS} FROM trigger_api.trigger_events
WHERE stream_id = ANY($1) AND position <= $2 ORDER BY stream_id, version
"""  # noqa: S608
_END: Final = "SELECT coalesce(max(position), 0) FROM trigger_api.trigger_events"
# What others were allowed to do with the tables: it does not come along by itself.
_GRANTS: Final = """
SELECT relation.relname AS name, allowed.privilege_type AS privilege, allowed.is_grantable AS grantable,
       CASE WHEN allowed.grantee = 0 THEN 'PUBLIC'
            ELSE quote_ident(pg_get_userbyid(allowed.grantee)) END AS grantee
FROM pg_class AS relation, aclexplode(relation.relacl) AS allowed
WHERE relation.oid = ANY($1::regclass[]) AND allowed.grantee <> relation.relowner
"""
_INDEXES: Final = """
SELECT i.relname AS name, pg_get_indexdef(i.oid) AS definition, x.indisprimary AS is_primary
FROM pg_index AS x JOIN pg_class AS i ON i.oid = x.indexrelid
WHERE x.indrelid = ('trigger_api.' || $1)::regclass ORDER BY i.relname
"""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What a rebuild did: rows by table, and how many of them were not as the log says."""

    rows: dict[str, int]
    differed: dict[str, int]


async def rebuild(connection: DatabaseConnection) -> Rebuilt:
    """Rebuild every projection. One at a time: a second rebuild waits for the first."""
    await connection.execute("SELECT pg_advisory_lock(hashtext('trigger_api.rebuild'))")
    end = int(await connection.fetchval(_END))
    for aggregate in AGGREGATES:
        await _recreate(connection, aggregate=aggregate, end=end)
    # Most of what was appended meanwhile, so that little is left to be done under the lock.
    end = await _catch_up(connection, since=end)
    for _ in range(_TRIES):
        try:
            return await _exchange(connection, since=end)
        except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError):
            end = await _catch_up(connection, since=end)
            await asyncio.sleep(random.uniform(0.05, 0.5))  # noqa: S311 - so as not to meet again
    raise RuntimeError("the tables are too busy to be exchanged; nothing was changed")


async def _recreate(connection: DatabaseConnection, *, aggregate: Aggregate[Any, Any], end: int) -> None:
    fresh = _FRESH + aggregate.table
    await connection.execute(f"DROP TABLE IF EXISTS trigger_api.{fresh}")
    await connection.execute(
        f"CREATE TABLE trigger_api.{fresh}"
        f" (LIKE trigger_api.{aggregate.table} INCLUDING ALL EXCLUDING INDEXES)"
    )
    async with connection.transaction(isolation="repeatable_read", readonly=False):
        cursor = connection.cursor(_LOG, aggregate.name, end, prefetch=_ROWS)
        rows: list[tuple[object, ...]] = []
        async for history in _streams(cursor):
            rows.append(_row(history, aggregate=aggregate))
            if len(rows) == _ROWS:
                await _copy(connection, aggregate=aggregate, rows=rows)
                rows = []
        await _copy(connection, aggregate=aggregate, rows=rows)
    for index in await connection.fetch(_INDEXES, aggregate.table):
        await connection.execute(_fresh_index(index, aggregate=aggregate))


def _fresh_index(index: asyncpg.Record, *, aggregate: Aggregate[Any, Any]) -> str:
    name, fresh = index["name"], _FRESH + aggregate.table
    if index["is_primary"]:
        return f"ALTER TABLE trigger_api.{fresh} ADD CONSTRAINT {_FRESH}{name} PRIMARY KEY (id)"
    definition: str = index["definition"]
    on = f" ON trigger_api.{aggregate.table} "
    return definition.replace(f"INDEX {name}{on}", f"INDEX {_FRESH}{name} ON trigger_api.{fresh} ", 1)


async def _streams(cursor: Any) -> AsyncIterator[list[asyncpg.Record]]:
    history: list[asyncpg.Record] = []
    async for row in cursor:
        if history and row["stream_id"] != history[0]["stream_id"]:
            yield history
            history = []
        history.append(row)
    if history:
        yield history


def _row(history: Sequence[asyncpg.Record], *, aggregate: Aggregate[Any, Any]) -> tuple[object, ...]:
    state = fold(aggregate, recorded(history, aggregate=aggregate))
    if state is None:
        raise ValueError("a stream has at least one event")
    return row_of(aggregate, state)


async def _copy(
    connection: DatabaseConnection, *, aggregate: Aggregate[Any, Any], rows: Sequence[tuple[object, ...]]
) -> None:
    await connection.copy_records_to_table(
        _FRESH + aggregate.table, schema_name="trigger_api", columns=list(aggregate.columns), records=rows
    )


async def _catch_up(connection: DatabaseConnection, *, since: int) -> int:
    """Fold the streams that have grown once more; return up to which position."""
    end = int(await connection.fetchval(_END))
    for aggregate in AGGREGATES:
        grown = await connection.fetch(_SINCE, aggregate.name, since, end)
        ids = [row["stream_id"] for row in grown]
        for some in _pieces(ids):
            rows = await connection.fetch(_STREAMS, some, end)
            fresh = f"trigger_api.{_FRESH}{aggregate.table}"
            await connection.execute(f"DELETE FROM {fresh} WHERE id = ANY($1)", some)  # noqa: S608
            histories = [list(group) for _, group in groupby(rows, key=lambda row: row["stream_id"])]
            await _copy(
                connection,
                aggregate=aggregate,
                rows=[_row(history, aggregate=aggregate) for history in histories],
            )
    return end


def _pieces(ids: Sequence[UUID]) -> Iterator[Sequence[UUID]]:
    for start in range(0, len(ids), _ROWS):
        yield ids[start : start + _ROWS]


async def _exchange(connection: DatabaseConnection, *, since: int) -> Rebuilt:
    async with connection.transaction():
        await connection.execute(f"SET LOCAL lock_timeout = '{_LOCK_MILLISECONDS}ms'")
        for aggregate in AGGREGATES:
            await connection.execute(f"LOCK TABLE trigger_api.{aggregate.table} IN ACCESS EXCLUSIVE MODE")
        await connection.execute(f"SELECT {LOCK_THE_LOG}")
        await _catch_up(connection, since=since)
        rows, differed = {}, {}
        for aggregate in AGGREGATES:
            rows[aggregate.table], differed[aggregate.table] = await _compare(connection, aggregate=aggregate)
        view = await connection.fetchval("SELECT pg_get_viewdef($1::regclass)", _VIEW)
        indexes = {
            aggregate.table: await connection.fetch(_INDEXES, aggregate.table) for aggregate in AGGREGATES
        }
        tables = [f"trigger_api.{aggregate.table}" for aggregate in AGGREGATES]
        grants = await connection.fetch(_GRANTS, [*tables, _VIEW])
        await connection.execute(f"DROP VIEW {_VIEW}")
        for aggregate in AGGREGATES:
            await connection.execute(f"DROP TABLE trigger_api.{aggregate.table}")
            await connection.execute(
                f"ALTER TABLE trigger_api.{_FRESH}{aggregate.table} RENAME TO {aggregate.table}"
            )
            for index in indexes[aggregate.table]:
                name = index["name"]
                await connection.execute(f"ALTER INDEX trigger_api.{_FRESH}{name} RENAME TO {name}")
        await connection.execute(f"CREATE VIEW {_VIEW} AS {view}")
        for grant in grants:
            option = " WITH GRANT OPTION" if grant["grantable"] else ""
            await connection.execute(
                f"GRANT {grant['privilege']} ON trigger_api.{grant['name']} TO {grant['grantee']}{option}"
            )
    return Rebuilt(rows=rows, differed=differed)


async def _compare(connection: DatabaseConnection, *, aggregate: Aggregate[Any, Any]) -> tuple[int, int]:
    live, fresh = f"trigger_api.{aggregate.table}", f"trigger_api.{_FRESH}{aggregate.table}"
    columns = ", ".join(
        f"{name}::text" if name in {"config", "definition"} else name for name in aggregate.columns
    )
    row = await connection.fetchrow(
        f"SELECT (SELECT count(*) FROM {fresh}) AS rows,"  # noqa: S608 - constants of ours
        f" (SELECT count(DISTINCT id) FROM ("
        f"  (SELECT {columns} FROM {live} EXCEPT SELECT {columns} FROM {fresh})"
        f"  UNION ALL (SELECT {columns} FROM {fresh} EXCEPT SELECT {columns} FROM {live})"
        f" ) AS differing) AS differed"
    )
    return (row["rows"], row["differed"]) if row else (0, 0)
