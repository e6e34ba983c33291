"""Migrations in plain SQL: applying them, and whether the database has those that this version needs."""

import os
import shutil
import subprocess
import sysconfig
from pathlib import Path

from trigger_runtime.lifecycle import HealthWatch
from trigger_runtime.postgres import Database, DatabaseUnavailableError
from trigger_runtime.settings import Secret


def versions_in(directory: Path) -> frozenset[str]:
    """Return the versions of the migrations in a folder: dbmate's digits before the first underscore."""
    return frozenset(path.name.partition("_")[0] for path in directory.glob("*.sql"))


class SchemaWatch(HealthWatch):
    """A component that watches whether every migration of a folder is applied.

    ``directory`` and ``table`` are those that ``migrate`` takes. Migrations that the folder does not have
    belong to a newer version that runs at the same time, and are fine.
    """

    def __init__(self, database: Database, *, directory: Path, table: str) -> None:
        super().__init__("schema", self._missing, seconds=10.0, initial="not checked yet")
        self._database = database
        self._expected = versions_in(directory)
        self._table = table

    async def _missing(self) -> str | None:
        try:
            async with self._database.connection() as connection:
                if await connection.fetchval("SELECT to_regclass($1)", self._table) is None:
                    return "no migration is applied: run the verb migrate"
                rows = await connection.fetch(f"SELECT version FROM {self._table}")  # noqa: S608
        except DatabaseUnavailableError as error:
            # The last result is still true; whether the server can be used is the check of the database.
            return None if self.check() is None else f"cannot look: {error}"
        missing = sorted(self._expected - {row["version"] for row in rows})
        return f"not applied: {', '.join(missing)}: run the verb migrate" if missing else None


class MigrationError(RuntimeError):
    """The migrations did not run; the text is dbmate's."""


def migrate(url: Secret, *, directory: Path, table: str) -> str:
    """Bring a schema up to date with dbmate; return its output.

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
    output = (done.stdout + done.stderr).strip().replace(url.reveal(), "<database>")
    if done.returncode != 0:
        raise MigrationError(output)
    return output
