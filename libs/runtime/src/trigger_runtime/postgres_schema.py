"""Migrations in plain SQL: applying them, and whether the database has those that this version needs."""

import asyncio
import os
import shutil
import subprocess
import sysconfig
from pathlib import Path

import asyncpg
import structlog

from trigger_runtime.lifecycle import BackgroundTask
from trigger_runtime.postgres import Database, DatabaseUnavailableError
from trigger_runtime.settings import Secret

log = structlog.stdlib.get_logger(__name__)


def versions_in(directory: Path) -> frozenset[str]:
    """Return the versions of the migrations in a folder: dbmate's digits before the first underscore."""
    return frozenset(path.name.partition("_")[0] for path in directory.glob("*.sql"))


class SchemaWatch(BackgroundTask):
    """A component that looks until every migration of a folder is applied, and now and then afterwards.

    ``directory`` and ``table`` are those that ``migrate`` takes. Migrations that the folder
    does not have belong to a newer version beside this one, and are fine.
    """

    def __init__(self, database: Database, *, directory: Path, table: str) -> None:
        super().__init__("schema-watch", self._look_for_ever)
        self._database = database
        self._expected = versions_in(directory)
        self._table = table
        self._trouble: str | None = "not looked at yet"

    def check(self) -> str | None:
        """Return why the schema cannot be used, as of the last look, or ``None``."""
        return self._trouble

    async def _look_for_ever(self) -> None:
        while True:
            trouble = await self._look()
            if trouble != self._trouble:
                log.info("schema looked at", missing=trouble)
            self._trouble = trouble
            await asyncio.sleep(0.25 if trouble else 10.0)

    async def _look(self) -> str | None:
        try:
            async with self._database.connection() as connection:
                if await connection.fetchval("SELECT to_regclass($1)", self._table) is None:
                    return "no migration is applied: run the verb migrate"
                rows = await connection.fetch(f"SELECT version FROM {self._table}")  # noqa: S608
        except DatabaseUnavailableError as error:
            # What was seen is still true; whether the server can be used is another check's business.
            return self._trouble if self._trouble is None else f"cannot look: {error}"
        except asyncpg.PostgresError as error:
            return f"cannot look: {type(error).__name__}"
        missing = sorted(self._expected - {row["version"] for row in rows})
        return f"not applied: {', '.join(missing)}: run the verb migrate" if missing else None


class MigrationError(RuntimeError):
    """The migrations did not run; the text is dbmate's."""


def migrate(url: Secret, *, directory: Path, table: str) -> str:
    """Bring a schema up to date with dbmate; return what it said.

    Several processes may do this at once: dbmate takes a lock. The URL goes through the environment,
    where a process listing does not show it. Raises ``MigrationError``.
    """
    binary = shutil.which("dbmate", path=os.pathsep.join([sysconfig.get_path("scripts"), os.defpath]))
    if binary is None:
        raise MigrationError("the dbmate program is not installed")
    done = subprocess.run(  # noqa: S603 - a fixed program with our own arguments
        [
            binary,
            "--migrations-dir",
            str(directory),
            "--migrations-table",
            table,
            "--no-dump-schema",
            "--migration-lock",
            "--env-file",
            os.devnull,
            "migrate",
        ],
        env={"PATH": os.defpath, "DATABASE_URL": url.reveal()},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    said = (done.stdout + done.stderr).strip().replace(url.reveal(), "<database>")
    if done.returncode != 0:
        raise MigrationError(said)
    return said
