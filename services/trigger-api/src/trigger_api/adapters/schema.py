"""Where the migrations are, and the table that lists the applied ones."""

from pathlib import Path
from typing import Final

MIGRATIONS: Final = Path(__file__).resolve().parent.parent / "migrations"
MIGRATIONS_TABLE: Final = "trigger_api.schema_migrations"
