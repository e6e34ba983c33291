"""Where the migrations are, and where it is noted which of them are applied."""

from pathlib import Path
from typing import Final

MIGRATIONS: Final = Path(__file__).resolve().parent.parent / "migrations"
MIGRATIONS_TABLE: Final = "execution_recorder.schema_migrations"
