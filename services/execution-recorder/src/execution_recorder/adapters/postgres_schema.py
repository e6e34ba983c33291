"""Whether the database has the migrations that this version of the service was written for."""

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import asyncpg
import structlog

from trigger_runtime.postgres import Database, DatabaseUnavailableError

log = structlog.stdlib.get_logger(__name__)

MIGRATIONS: Final = Path(__file__).resolve().parent.parent / "migrations"
MIGRATIONS_TABLE: Final = "execution_recorder.schema_migrations"


def versions_in(directory: Path) -> frozenset[str]:
    """Return the versions of the migrations in a folder: dbmate's digits before the first underscore."""
    return frozenset(path.name.partition("_")[0] for path in directory.glob("*.sql"))


class SchemaWatch:
    """Looks until every migration of ``expected`` is applied, and now and then afterwards.

    Migrations that it does not know belong to a newer version beside this one, and are fine.
    """

    def __init__(self, database: Database, *, expected: Iterable[str]) -> None:
        self._database = database
        self._expected = frozenset(expected)
        self._trouble: str | None = "not looked at yet"

    def check(self) -> str | None:
        """Return why the schema cannot be used, as of the last look, or ``None``."""
        return self._trouble

    async def run(self) -> None:
        """Look for ever."""
        while True:
            trouble = await self._look()
            if trouble != self._trouble:
                log.info("schema looked at", missing=trouble)
            self._trouble = trouble
            await asyncio.sleep(0.25 if trouble else 10.0)

    async def _look(self) -> str | None:
        try:
            async with self._database.connection() as connection:
                rows = await connection.fetch(f"SELECT version FROM {MIGRATIONS_TABLE}")  # noqa: S608
        except (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError):
            return "no migration is applied: run the verb migrate"
        except DatabaseUnavailableError as error:
            # What was seen is still true; whether the server can be used is another check's business.
            return self._trouble if self._trouble is None else f"cannot look: {error}"
        except asyncpg.PostgresError as error:
            return f"cannot look: {type(error).__name__}"
        missing = sorted(self._expected - {row["version"] for row in rows})
        return f"not applied: {', '.join(missing)}: run the verb migrate" if missing else None
