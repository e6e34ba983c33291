"""What an operator asks of the service once, beside serving: each a connection, a job, and a line."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias, TypeVar

import asyncpg
import msgspec

from trigger_api.adapters import key_rotation, projection_rebuild, republish
from trigger_api.entrypoints.api import api_document
from trigger_api.settings import ResealSettings
from trigger_runtime.postgres import AWAY, DatabaseSettings
from trigger_runtime.sealing import KeyRing
from trigger_runtime.settings import Secret, load

T = TypeVar("T")

_FAILURES: Final[tuple[type[Exception], ...]] = (*AWAY, asyncpg.PostgresError)

DatabaseConnection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


def rebuild() -> str:
    """Rebuild the projections; return how many rows there are, and how many were wrong."""
    done = _with_database(load(DatabaseSettings).database_url, job=projection_rebuild.rebuild)
    return "\n".join(
        f"{table}: {rows} rows rebuilt, {done.differed[table]} were not as the log says"
        for table, rows in done.rows.items()
    )


def reseal() -> str:
    """Seal every secret with the key ring's first key. Raises ``RuntimeError`` where one cannot be opened."""
    settings = load(ResealSettings)
    ring = KeyRing.parse(settings.secret_keys.reveal())

    async def job(connection: DatabaseConnection) -> key_rotation.Resealed:
        return await key_rotation.reseal(connection, ring=ring)

    done = _with_database(settings.database.database_url, job=job)
    summary = f"{done.count} secrets sealed again with key {ring.current!r}"
    if done.unopened:
        some = ", ".join(done.unopened[:10])
        raise RuntimeError(
            f"{summary}; {len(done.unopened)} cannot be opened with any key of the ring: {some}"
        )
    return f"{summary}; older keys can go once outbox_waiting is 0"


def republish_all() -> str:
    """Queue the state of everything for ``CONFIG``."""
    count = _with_database(load(DatabaseSettings).database_url, job=republish.republish_all)
    return f"{count} workflows and triggers are published again by the relay"


def openapi() -> str:
    """Return the OpenAPI document, laid out for people and for diffs."""
    return msgspec.json.format(msgspec.json.encode(api_document(), order="sorted"), indent=1).decode()


def _with_database(url: Secret, *, job: Callable[[DatabaseConnection], Awaitable[T]]) -> T:
    async def main() -> T:
        connection = await asyncpg.connect(url.reveal(), timeout=10)
        try:
            return await job(connection)
        finally:
            await connection.close(timeout=5)

    try:
        return asyncio.run(main())
    except _FAILURES as error:
        # The database's words may quote values.
        raise RuntimeError(f"the database did not do it: {type(error).__name__}") from error
