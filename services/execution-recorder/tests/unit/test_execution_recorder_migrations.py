"""A migration that was ever applied somewhere must stay as it was."""

import hashlib

from execution_recorder.adapters.schema import MIGRATIONS
from trigger_runtime.postgres_schema import versions_in


def test_no_migration_differs_from_its_committed_sum() -> None:
    lines = (MIGRATIONS / "SUMS").read_text(encoding="ascii").splitlines()
    sums = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in MIGRATIONS.glob("*.sql")}
    assert found == sums, "add a new migration (and its line in SUMS) instead of editing one"


def test_versions_are_dbmates() -> None:
    assert versions_in(MIGRATIONS)
    assert all(version.isdigit() and len(version) == 14 for version in versions_in(MIGRATIONS))
