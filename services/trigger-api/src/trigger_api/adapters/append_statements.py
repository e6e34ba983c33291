"""The statements that write to the log.

Appending is one statement, so that the lock, which all writers share, is held for one exchange and the
commit. Each part reads the one before it, which is what puts them in order: the lock, then the event and its
position, then the projection (whose row would otherwise be locked first, and two writers could wait for each
other). The notification is sent at the commit, once however often it is asked for.
"""

from typing import Final

from trigger_api.adapters import projections

OUTBOX_CHANNEL: Final = "trigger_api_outbox"

# Held from before a position is drawn until after the commit (PostgreSQL releases transaction locks
# once the transaction is visible), so that positions become visible in their order.
LOCK_THE_LOG: Final = "pg_advisory_xact_lock(hashtext('trigger_api.trigger_events'))"

_LOCK: Final = f"SELECT {LOCK_THE_LOG}, pg_notify('{OUTBOX_CHANNEL}', '')"
_LOCKED: Final = f"""
WITH locked AS MATERIALIZED ({_LOCK})
"""
# Rows before the log, here and everywhere: whoever holds the log waits for no row. A workflow that is being
# deleted has its row locked: then this waits, and looks at the row once more. The parameters are those of the
# event (4, its workspace) and of the projection (17, the workflow).
_LIVE_AND_LOCKED: Final = f"""
WITH live AS MATERIALIZED (
    SELECT id FROM trigger_api.workflows
    WHERE id = $17 AND workspace = $4 AND deleted_at IS NULL
    FOR SHARE
),
locked AS MATERIALIZED ({_LOCK} FROM live)
"""  # noqa: S608 - constants of ours


_APPENDED: Final = """,
appended AS (
    INSERT INTO trigger_api.trigger_events
        (stream_id, aggregate, version, workspace, type, schema_version, data, actor, request_id, occurred_at,
         cause_stream, cause_version)
    SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12 FROM locked
    RETURNING position
),
announced AS (
    INSERT INTO trigger_api.outbox (position, subject, message) SELECT position, $13, $14 FROM appended
)
"""


APPEND_TRIGGER: Final = _LOCKED + _APPENDED + projections.trigger_upsert(first=15, after="appended")
BEGIN_TRIGGER: Final = _LIVE_AND_LOCKED + _APPENDED + projections.trigger_upsert(first=15, after="appended")
"""Writes nothing where the workspace has no such workflow."""
APPEND_WORKFLOW: Final = _LOCKED + _APPENDED + projections.workflow_upsert(first=15, after="appended")
NOTHING_WRITTEN: Final = "INSERT 0 0"

STORE_SEALED: Final = """
INSERT INTO trigger_api.trigger_secrets (id, trigger_id, key_id, nonce, ciphertext, created_at)
VALUES ($1, $2, $3, $4, $5, $6)
"""
FORGET_SEALED: Final = "DELETE FROM trigger_api.trigger_secrets WHERE trigger_id = $1 AND id <> ALL($2)"
